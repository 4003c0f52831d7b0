"""A sentinel that ends and comes back without its disk, as after a move to another host."""

import signal
from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target


async def _inject(session: Session, hit: Target) -> Injection:
    sentinels = session.access.sentinels
    sentinels.hold(hit.seat)
    killed = sentinels.signal(hit.seat, signal.SIGKILL)
    await sentinels.wait_ended(hit.seat)
    sentinels.forget(hit.seat)
    sentinels.release(hit.seat)
    return killed


SCENARIO: Final = HostScenario(
    name="sentinel-rescheduled",
    summary="SIGKILL to a sentinel, which comes back with an empty disk: nothing is told about hypervisors or VMs.",
    inject=_inject,
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    quiet_seconds=8.0,
)
