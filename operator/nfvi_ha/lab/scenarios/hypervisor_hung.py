"""A hypervisor where nothing runs while its kernel accepts connections: AgentLost, then Hung by its stale Lease."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return session.host_faults.hang(hit.node)


async def _restore(session: Session, hit: Target) -> Injection:
    session.host_faults.unhang(hit.node)
    return Injection.now("hypervisor-thawed", hit.node)


SCENARIO: Final = HostScenario(
    name="hypervisor-hung",
    summary="SIGSTOP to everything on a hypervisor: agent.lost, and failed (Hung) when its Lease is stale for 30 s.",
    inject=_inject,
    words=(
        Word("agent.lost", "Hypervisor/{node}"),
        Word("hypervisor.failed", "Hypervisor/{node}", "hung_ms", cause="Hung", within_seconds=75.0),
    ),
    forbidden=("hypervisor.unreachable", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("hypervisor.failed", "Hypervisor/{node}", "cleared_ms", state="cleared", within_seconds=60.0),),
)
