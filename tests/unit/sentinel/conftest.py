"""One seat in this process, with all its real parts; only the scribe is a stand-in."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.sentinel import app
from nfvi_ha.sentinel.app import Sentinel
from nfvi_ha.sentinel.settings import SentinelSettings

STAND_IN = """
import os, socket, sys
stream = socket.socket(fileno=int(os.environ["NFVI_HA_SCRIBE_FD"])).makefile("rb", buffering=0)
with open(f"{sys.argv[1]}/{os.getpid()}.scribe", "wb", buffering=0) as heard:
    for line in stream:
        heard.write(line)
"""


@pytest.fixture
def registry() -> CollectorRegistry:
    """Its metrics."""
    return CollectorRegistry()


@pytest.fixture
async def sentinel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: CollectorRegistry
) -> AsyncIterator[Sentinel]:
    """Seat 2, with a scribe that only writes down what it is told; nothing ticks but what the test ticks."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(app, "scribe_command", lambda _: [sys.executable, str(script), str(tmp_path)])
    tasks: set[asyncio.Task[None]] = set()
    settings = SentinelSettings(2, tmp_path / "state", {"mgmt": "127.0.0.1"}, 0, cluster="site-1")
    made = Sentinel(
        settings,
        registry,
        incarnation=1,
        nonce=1,
        spawn=lambda work: tasks.add(asyncio.create_task(work)),
    )
    made.handover.restore()
    tasks |= {asyncio.create_task(made.scribe.run()), asyncio.create_task(made.spool.run())}
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    made.receiver.close()
    made.executor.shutdown()
    await made.deliverer.close(0.0)
