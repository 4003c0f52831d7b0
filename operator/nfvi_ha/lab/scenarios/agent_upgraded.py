"""An agent that says goodbye and is back in time: nobody is told anything."""

import signal
from typing import Final

from nfvi_ha.lab.agents import AGENT
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target


async def _inject(session: Session, hit: Target) -> Injection:
    return session.host_faults.signal_service(hit.node, AGENT, signal.SIGTERM)


SCENARIO: Final = HostScenario(
    name="agent-upgraded",
    summary="SIGTERM to an agent, which is started again: it said goodbye, so nothing is told.",
    inject=_inject,
    forbidden=("agent.lost", "hypervisor.failed", "hypervisor.unreachable", "vm.failed", "nfvi.mass.failure"),
    quiet_seconds=5.0,
)
