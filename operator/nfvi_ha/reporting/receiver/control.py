"""The receiver's control API: look at records and change its conduct from another process of this machine."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final, Protocol, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nfvi_ha.reporting.receiver.misbehaviour import Misbehaviour
from nfvi_ha.reporting.receiver.record import Record

MAX_WAIT_SECONDS: Final = 60.0

_Model = TypeVar("_Model", bound=BaseModel)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Injection(BaseModel):
    """A fault that somebody is making now, on this machine."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    subject: str = Field(description="<namespace>/<name> of the VM.")
    monotonic_ns: int = Field(alias="monotonicNs", description="CLOCK_MONOTONIC of the moment.")


class Controlled(Protocol):
    """The receiver, as far as it can be controlled."""

    @property
    def records(self) -> Sequence[Record]:
        """Everything received."""
        ...

    @property
    def conduct(self) -> Misbehaviour:
        """How it behaves now."""
        ...

    def misbehave(self, misbehaviour: Misbehaviour | None = None, /) -> None:
        """Behave so from now on."""
        ...

    def injected(self, subject: str, monotonic_ns: int) -> None:
        """Note when a fault was made."""
        ...

    def injected_ms(self, record: Record) -> float | None:
        """From the fault made until the record."""
        ...

    def clear(self) -> None:
        """Forget all records."""
        ...

    async def wait_for(self, predicate: Callable[[Sequence[Record]], bool], timeout_seconds: float = 10.0) -> None:
        """Return as soon as the predicate holds."""
        ...


def control_routes(receiver: Controlled) -> list[web.RouteDef]:
    """Routes under ``/_``. They answer peers on this machine only.

    - ``GET /_records?after=N&wait=SECONDS``: records from N on, waiting for one if there is none.
    - ``DELETE /_records``: forget them.
    - ``GET`` and ``PUT /_control/misbehaviour``: a ``Misbehaviour``; ``{}`` is good conduct.
    - ``POST /_control/injected``: an ``Injection``.
    """

    async def get_records(request: web.Request) -> web.StreamResponse:
        after, wait = int(_number(request, "after")), _number(request, "wait")
        if wait:
            with contextlib.suppress(TimeoutError):
                await receiver.wait_for(lambda records: len(records) > after, min(wait, MAX_WAIT_SECONDS))
        return _json([record.as_json(receiver.injected_ms(record)) for record in receiver.records[after:]])

    async def delete_records(request: web.Request) -> web.StreamResponse:
        receiver.clear()
        return web.Response(status=204)

    async def get_misbehaviour(request: web.Request) -> web.StreamResponse:
        return _json(receiver.conduct.model_dump(by_alias=True))

    async def put_misbehaviour(request: web.Request) -> web.StreamResponse:
        receiver.misbehave(await _parsed(request, Misbehaviour))
        return web.Response(status=204)

    async def post_injected(request: web.Request) -> web.StreamResponse:
        injection = await _parsed(request, Injection)
        receiver.injected(injection.subject, injection.monotonic_ns)
        return web.Response(status=204)

    return [
        web.get("/_records", _local_only(get_records)),
        web.delete("/_records", _local_only(delete_records)),
        web.get("/_control/misbehaviour", _local_only(get_misbehaviour)),
        web.put("/_control/misbehaviour", _local_only(put_misbehaviour)),
        web.post("/_control/injected", _local_only(post_injected)),
    ]


def _local_only(handler: _Handler) -> _Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.remote is None or not ip_address(request.remote).is_loopback:
            raise web.HTTPForbidden(text="control is for this machine only")
        return await handler(request)

    return guarded


async def _parsed(request: web.Request, model: type[_Model]) -> _Model:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise web.HTTPBadRequest(text=str(error)) from error


def _number(request: web.Request, name: str) -> float:
    text = request.query.get(name, "0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 2**53:
        raise web.HTTPBadRequest(text=f"{name}={text!r} is not a number from 0")
    return value


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
