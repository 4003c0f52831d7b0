"""One request and its answer: deadline, guard, credentials, and every failure as a typed error."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from yarl import URL

from nfvi_ha.kube.depth import loads
from nfvi_ha.kube.errors import KubeError, Unauthorized, Unavailable, error_from_response
from nfvi_ha.kube.guard import Guard, GuardedBody
from nfvi_ha.kube.lines import LineSplitter, LineTooLongError
from nfvi_ha.kube.transport import CONNECT_SECONDS, Transport

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask: ``query`` entries that are None are left out; only mutating calls have a ``body``."""

    method: str
    path: str
    query: Mapping[str, str | None] = field(default_factory=dict)
    body: JsonObject | list[JsonObject] | None = None
    content_type: str = "application/json"
    many: bool = False
    """The answer has objects of many owners: an absurdly nested one is pruned. (A single one is not, as it may be
    changed and written back.)"""

    def url(self, host: str) -> URL:
        """The URL on that host; the path is already quoted."""
        url = URL(host + self.path, encoded=True)
        query = {key: value for key, value in self.query.items() if value is not None}
        return url.update_query(query) if query else url

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


async def send(transport: Transport, call: Call, *, timeout_seconds: float, guard: Guard | None) -> JsonObject:
    """Make one call and return the JSON object of its answer ({} for an empty one).

    Credentials that are refused are read again once. The guard is run directly before each sending.

    Raises:
        KubeError: see ``nfvi_ha.kube.errors``. Whatever the guard raises comes out unchanged.
    """
    headers = await _headers(transport, call)
    try:
        return await _send_once(transport, call, headers, timeout_seconds, guard)
    except Unauthorized:
        if not await transport.renew_credentials(headers.get("authorization")):
            raise
        return await _send_once(transport, call, await _headers(transport, call), timeout_seconds, guard)


async def _headers(transport: Transport, call: Call) -> dict[str, str]:
    return await transport.headers({"Content-Type": call.content_type} if call.body is not None else {})


async def _send_once(
    transport: Transport, call: Call, headers: dict[str, str], timeout_seconds: float, guard: Guard | None
) -> JsonObject:
    loop = asyncio.get_running_loop()
    deadline = asyncio.timeout(timeout_seconds)

    def shorten(seconds: float) -> None:
        when = loop.time() + max(seconds, 0.0)
        if when < (deadline.when() or when + 1):
            deadline.reschedule(when)

    body = None if call.body is None else GuardedBody(orjson.dumps(call.body), guard, shorten)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    try:
        async with (
            deadline,
            transport.session.request(
                call.method,
                call.url(transport.host),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                **transport.request_options,
            ) as response,
        ):
            data = await response.read()
    except TimeoutError as error:
        if body is not None:
            body.cut_off()
        raise Unavailable(0, "Timeout", f"{call}: no answer in time") from error
    except asyncio.CancelledError:
        if body is not None:
            body.cut_off()
        raise
    except (aiohttp.ClientError, OSError) as error:
        if body is not None and body.refusal is not None:
            raise body.refusal from None
        raise Unavailable(0, "NoConnection", f"{call}: {error or type(error).__name__}") from error
    return _json_object(call, response.status, data, response.headers.get("Retry-After"))


def _json_object(call: Call, status: int, data: bytes, retry_after: str | None) -> JsonObject:
    if status >= 300:  # a redirect is never followed: it could carry our token away
        raise error_from_response(status, data, str(call), retry_after)
    if not data:
        return {}
    try:
        answer = loads(data) if call.many else orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unavailable(status, "BadAnswer", f"{call}: the answer is no JSON") from error
    if not isinstance(answer, dict):
        raise Unavailable(status, "BadAnswer", f"{call}: the answer is no JSON object")
    return answer


async def stream(
    transport: Transport, call: Call, *, open_seconds: float, idle_seconds: float
) -> AsyncGenerator[list[bytes], None]:
    """Open a streaming answer and hand out its lines, in batches as they come off the socket, until it ends.

    Raises:
        KubeError: refused; or ``Unavailable``: no connection, broken, silent for ``idle_seconds``, no lines.
    """
    headers = await _headers(transport, call)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
    splitter = LineSplitter()
    response: aiohttp.ClientResponse | None = None
    try:
        async with asyncio.timeout(open_seconds):
            response = await transport.session.request(
                call.method,
                call.url(transport.host),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                **transport.request_options,
            )
            if response.status >= 300:
                raise error_from_response(response.status, await response.read(), str(call))
        async for chunk in response.content.iter_any():
            if lines := splitter.feed(chunk):
                yield lines
    except KubeError as error:
        if isinstance(error, Unauthorized):
            await transport.renew_credentials(headers.get("authorization"))  # for the caller's next try
        raise
    except TimeoutError as error:
        heard = open_seconds if response is None else idle_seconds
        raise Unavailable(0, "Stalled", f"{call}: nothing heard for {heard:g} s") from error
    except LineTooLongError as error:
        raise Unavailable(0, "BadAnswer", f"{call}: {error}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(0, "ConnectionLost", f"{call}: {error or type(error).__name__}") from error
    finally:
        if response is not None:
            # Not released to the pool: the rest of an abandoned watch would come before the next answer.
            response.close()
