"""An agent that is killed and started again by the kubelet: at most AgentLost for a while."""

import signal
from typing import Final

from nfvi_ha.lab.agents import AGENT
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    session.host_faults.hold_service(hit.node, AGENT)
    return session.host_faults.signal_service(hit.node, AGENT, signal.SIGKILL)


async def _restore(session: Session, hit: Target) -> Injection:
    session.host_faults.release_service(hit.node, AGENT)
    return Injection.now("agent-started", hit.node)


SCENARIO: Final = HostScenario(
    name="agent-killed",
    summary="SIGKILL to an agent that is not started again at once: agent.lost, cleared when it is back.",
    inject=_inject,
    words=(Word("agent.lost", "Hypervisor/{node}"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("agent.lost", "Hypervisor/{node}", "cleared_ms", state="cleared"),),
)
