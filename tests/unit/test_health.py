"""/livez, /readyz and /metrics, as kubelet and Prometheus ask for them."""

from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry, Gauge

from nfvi_ha.health import HealthServer


async def test_readiness_names_what_is_missing_and_life_does_not_hang_on_it(tmp_path: Path) -> None:
    registry, missing = CollectorRegistry(), ["no key", "no sentinel"]
    Gauge("answers", "Of this test.", registry=registry).set(42)
    server = HealthServer(registry, lambda: missing)
    port = await server.start("127.0.0.1", 0, tmp_path / "port")
    try:
        assert (tmp_path / "port").read_text() == f"{port}\n"
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            assert await _get(session, "/livez") == (200, "ok\n")
            assert await _get(session, "/readyz") == (503, "no key\nno sentinel\n")
            missing.clear()
            assert await _get(session, "/readyz") == (200, "ok\n")
            assert "answers 42.0" in (await _get(session, "/metrics"))[1]
    finally:
        await server.stop()


async def _get(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as answer:
        return answer.status, await answer.text()
