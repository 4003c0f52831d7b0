"""An agent that stands still on a hypervisor that is well: AgentLost, never a dead host."""

import signal
from typing import Final

from nfvi_ha.lab.agents import AGENT
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return session.host_faults.signal_service(hit.node, AGENT, signal.SIGSTOP)


async def _restore(session: Session, hit: Target) -> Injection:
    return session.host_faults.signal_service(hit.node, AGENT, signal.SIGCONT)


SCENARIO: Final = HostScenario(
    name="agent-lost",
    summary="SIGSTOP to an agent's beat process: agent.lost, and neither the hypervisor nor a VM is told as failed.",
    inject=_inject,
    words=(Word("agent.lost", "Hypervisor/{node}"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("agent.lost", "Hypervisor/{node}", "cleared_ms", state="cleared"),),
)
