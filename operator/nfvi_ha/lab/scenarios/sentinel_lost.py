"""H1: a sentinel is gone: its redundancy is told as lost, and the others go on."""

import signal
from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    session.access.sentinels.hold(hit.seat)
    return session.access.sentinels.signal(hit.seat, signal.SIGKILL)


async def _restore(session: Session, hit: Target) -> Injection:
    session.access.sentinels.release(hit.seat)
    return Injection.now("sentinel-started", f"sentinel-{hit.seat}")


SCENARIO: Final = HostScenario(
    name="sentinel-lost",
    summary="SIGKILL to a sentinel that is not started again at once: ha.redundancy.lost, nothing about hypervisors.",
    inject=_inject,
    words=(Word("ha.redundancy.lost", "Sentinel/sentinel-{seat}"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("ha.redundancy.lost", "Sentinel/sentinel-{seat}", "cleared_ms", state="cleared"),),
    quiet_seconds=3.0,
)
