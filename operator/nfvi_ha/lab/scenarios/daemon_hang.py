"""M4: a watched daemon of a hypervisor hangs: it is there and answers nothing."""

import signal
from typing import Final

from nfvi_ha.lab.daemons import KUBELET
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return session.host_faults.signal_service(hit.node, KUBELET, signal.SIGSTOP)


async def _restore(session: Session, hit: Target) -> Injection:
    return session.host_faults.signal_service(hit.node, KUBELET, signal.SIGCONT)


SCENARIO: Final = HostScenario(
    name="agent-process-hang",
    summary="SIGSTOP to a hypervisor's kubelet: process.hung, and no VM is told as failed.",
    inject=_inject,
    words=(Word("process.hung", "HypervisorComponent/{node}/process/kubelet"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("process.hung", "HypervisorComponent/{node}/process/kubelet", "cleared_ms", state="cleared"),),
)
