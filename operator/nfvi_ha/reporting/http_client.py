"""One endpoint's HTTP: its own session and connections, opened before they are needed."""

import asyncio
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from nfvi_ha import __version__
from nfvi_ha.reporting import address, outcome
from nfvi_ha.reporting.answer import Answer, answered, failed
from nfvi_ha.reporting.endpoint import Endpoint

USER_AGENT: Final = f"nfvi-ha/{__version__}"
_MAX_ANSWER_BYTES: Final = 16 * 1024
"""Of an answer's body, read (and thrown away) to keep the connection; a longer one costs it its connection."""
DNS_CACHE_SECONDS: Final = 10


class Client(Protocol):
    """What the delivery needs of a connection to an endpoint."""

    async def post(self, body: bytes, headers: Mapping[str, str], *, wall_now: float) -> Answer:
        """Send one request and judge its answer. Raises nothing but CancelledError."""
        ...

    async def warm(self, count: int) -> str | None:
        """See to it that ``count`` connections are open and idle; the reason if they cannot be opened."""
        ...

    async def close(self) -> None:
        """Close once the requests under way have ended; new ones are not allowed any more."""
        ...


class OwnThreadResolver(AbstractResolver):
    """getaddrinfo in a thread of this endpoint, so that one broken name never holds up the look-ups of others."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="endpoint-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All TCP addresses of a name."""
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(
            self._executor, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(hostname=host, host=str(info[4][0]), port=port, family=info[0], proto=info[2], flags=0)
            for info in infos
        ]

    async def close(self) -> None:
        """Let the thread end; a look-up under way is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class HttpClient:
    """``Client`` on aiohttp. Every connection goes through ``address.guarded_socket``."""

    def __init__(
        self, endpoint: Endpoint, resolver: AbstractResolver | None = None, dns_cache_seconds: int = DNS_CACHE_SECONDS
    ) -> None:
        self._url = URL(endpoint.url)
        self._timeout = aiohttp.ClientTimeout(total=endpoint.timeout_seconds)
        self._resolver = resolver or OwnThreadResolver()
        self._connector = aiohttp.TCPConnector(
            limit=0,  # the gate bounds them, and its waiters keep their order
            keepalive_timeout=None,
            ssl=endpoint.ssl_context if endpoint.ssl_context is not None else True,
            socket_factory=address.guarded_socket,
            resolver=self._resolver,
            ttl_dns_cache=dns_cache_seconds,
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **endpoint.headers},
            auto_decompress=False,
            trust_env=False,
        )
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def post(self, body: bytes, headers: Mapping[str, str], *, wall_now: float) -> Answer:
        """Send one request and judge its answer. Raises nothing but CancelledError."""
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._post_over_fresh(body, headers, wall_now)
        except TimeoutError:
            return failed(outcome.TIMEOUT)
        except aiohttp.ClientConnectorError as error:
            return failed(connect_reason(error))
        except (aiohttp.ClientError, OSError):
            return failed(outcome.CONNECTION_LOST)
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    async def _post_over_fresh(self, body: bytes, headers: Mapping[str, str], wall_now: float) -> Answer:
        # A server closes idle connections when it likes, and may do so just as we send. That is no failure of the
        # endpoint and must not cost a back-off: once more, over another connection. Doubles have the same id.
        try:
            return await self._post_once(body, headers, wall_now)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await self._post_once(body, headers, wall_now)

    async def _post_once(self, body: bytes, headers: Mapping[str, str], wall_now: float) -> Answer:
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            left = _MAX_ANSWER_BYTES
            while left > 0 and (chunk := await response.content.read(left)):
                left -= len(chunk)
            return answered(response.status, response.headers, wall_now=wall_now)

    async def warm(self, count: int) -> str | None:
        """See to it that ``count`` connections are open and idle; the reason if they cannot be opened.

        TCP and TLS handshakes only, no request: taking a connection from the pool opens one if none is there, and
        giving it back unused keeps it. Where enough are open, this does no I/O.
        """
        held: list[aiohttp.connector.Connection] = []
        try:
            async with asyncio.timeout(self._timeout.total):
                for _ in range(count):
                    request = ClientRequest("GET", self._url, loop=asyncio.get_running_loop(), session=self._session)
                    held.append(await self._connector.connect(request, [], self._timeout))
        except TimeoutError:
            return outcome.TIMEOUT
        except aiohttp.ClientConnectorError as error:
            return connect_reason(error)
        except (aiohttp.ClientError, OSError):
            return outcome.CONNECT_FAILED
        finally:
            for connection in held:
                connection.release()
        return None

    async def close(self) -> None:
        """Close once the requests under way have ended; new ones are not allowed any more."""
        await self._idle.wait()
        await self._session.close()
        await self._resolver.close()


def connect_reason(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection was made: AddressRefused, TLSFailed or ConnectFailed."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return outcome.TLS_FAILED
    # With several addresses aiohttp folds the errors into one text; the reason is in it.
    if address.REASON in str(error.os_error):
        return address.REASON
    return outcome.CONNECT_FAILED
