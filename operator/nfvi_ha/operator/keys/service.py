"""The key service: ``POST /v1/node-key`` over TLS, with a pod-bound token, answers with the keys of the pod's node.

Every replica serves: it needs no Lease, for it changes nothing.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry

from nfvi_ha.core.key_material import KeyMaterial
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.operator.keys.bearer import Reviewer
from nfvi_ha.operator.keys.limits import Limits
from nfvi_ha.operator.keys.metrics import KeyMetrics
from nfvi_ha.operator.keys.refusal import KeyRefused, Reason

log = logging.getLogger(__name__)

PATH: Final = "/v1/node-key"
MAX_BODY_BYTES: Final = 1024
"""The question has no body."""
MAX_TOKEN: Final = 16_384
RETRY_SECONDS: Final = 5
_GIVEN: Final = "Given"


class KeyService:
    """Answers agents.

    Args:
        reviewer: tells the node of a token.
        keys: the master keys that there are now.
        cluster: name of this NFVI.
        clock: monotonic seconds.
        registry: where questions are counted.
    """

    def __init__(
        self,
        reviewer: Reviewer,
        keys: Callable[[], KeyMaterial],
        *,
        cluster: str,
        clock: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        self._reviewer = reviewer
        self._keys = keys
        self._cluster = cluster
        self._limits = Limits(clock)
        self._metrics = KeyMetrics(registry)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, port_file: str | None, context: ssl.SSLContext) -> int:
        """Listen; returns the port, which is also written to the file if one is given.

        Raises:
            OSError: the address cannot be used.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post(PATH, self._handle)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=5.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=context)
        await site.start()
        bound = int(self._runner.addresses[0][1])
        if port_file is not None:
            await asyncio.to_thread(_write_port, Path(port_file), bound)
        log.info("key service", extra={"port": bound})
        return bound

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def answer(self, source: str, authorization: str) -> bytes:
        """The keys for whoever bears the token in this header.

        Raises:
            KeyRefused: there are none for it.
        """
        if not self._limits.allow(source):
            raise KeyRefused(Reason.TOO_MANY_REQUESTS, "too many questions; ask again later")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
            raise KeyRefused(Reason.NO_TOKEN, "send Authorization: Bearer with a pod-bound token")
        masters = self._keys().masters
        if not masters:
            raise KeyRefused(Reason.NO_KEYS, "there are no keys yet; the leader makes them")
        node = await self._reviewer.node_of(token)
        keys = {str(identity): node_key(master, node, identity).hex() for identity, master in masters.items()}
        log.info("keys given", extra={"node": node, "keys": sorted(keys), "source": source})
        return orjson.dumps({"keys": keys, "cluster": self._cluster})

    async def _handle(self, request: web.Request) -> web.Response:
        source = request.remote or ""
        try:
            body = await self.answer(source, request.headers.get("Authorization", ""))
        except KeyRefused as refused:
            self._metrics.answered(refused.reason.value)
            log.warning(
                "keys refused", extra={"source": source, "reason": refused.reason.value, "detail": str(refused)}
            )
            headers = {"Retry-After": str(RETRY_SECONDS)} if refused.status in {429, 503} else {}
            told = orjson.dumps({"reason": refused.reason.value, "message": str(refused)})
            return _answered(told, refused.status, headers)
        self._metrics.answered(_GIVEN)
        return _answered(body, 200, {})


def _answered(body: bytes, status: int, headers: dict[str, str]) -> web.Response:
    headers = {"Cache-Control": "no-store", **headers}
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _write_port(path: Path, port: int) -> None:
    written = path.with_suffix(".part")
    written.write_text(f"{port}\n")
    written.rename(path)
