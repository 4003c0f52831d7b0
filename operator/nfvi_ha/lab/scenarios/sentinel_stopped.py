"""A sentinel that stands still for a second: it forgives the silence that it did not hear."""

import asyncio
import signal
from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target

STOPPED_SECONDS: Final = 1.0


async def _inject(session: Session, hit: Target) -> Injection:
    stopped = session.access.sentinels.signal(hit.seat, signal.SIGSTOP)
    try:
        await asyncio.sleep(STOPPED_SECONDS)
    finally:
        session.access.sentinels.signal(hit.seat, signal.SIGCONT)
    return stopped


SCENARIO: Final = HostScenario(
    name="sentinel-stopped",
    summary="SIGSTOP to a sentinel for one second: nothing is told about hypervisors or VMs.",
    inject=_inject,
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    quiet_seconds=3.0,
)
