"""/livez, /readyz and /metrics on one port, for agent, sentinel and operator."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


class HealthServer:
    """Serves until it is stopped; an answer at all is the proof of life.

    Args:
        registry: of the metrics.
        not_ready: lists what is missing before work can be done; it may be replaced later.
    """

    def __init__(self, registry: CollectorRegistry, not_ready: Callable[[], list[str]]) -> None:
        self._registry = registry
        self.not_ready = not_ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, port_file: Path | str | None = None) -> int:
        """Listen; returns the port, which is also written to the file if one is given.

        Raises:
            OSError: the address, or the file, cannot be used.
        """
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound = int(self._runner.addresses[0][1])
        if port_file:
            part = Path(port_file).with_suffix(".part")
            part.write_text(f"{bound}\n")
            part.replace(port_file)
        return bound

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        missing = self.not_ready()
        return web.Response(text="ok\n") if not missing else web.Response(status=503, text="\n".join(missing) + "\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
