"""M4: a watched daemon of a hypervisor is killed."""

import signal
from typing import Final

from nfvi_ha.lab.daemons import KUBELET
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    session.host_faults.hold_service(hit.node, KUBELET)
    return session.host_faults.signal_service(hit.node, KUBELET, signal.SIGKILL)


async def _restore(session: Session, hit: Target) -> Injection:
    session.host_faults.release_service(hit.node, KUBELET)
    return Injection.now("kubelet-started", hit.node)


SCENARIO: Final = HostScenario(
    name="agent-process-kill",
    summary="SIGKILL to a hypervisor's kubelet: process.failed, and no VM is told as failed.",
    inject=_inject,
    words=(Word("process.failed", "HypervisorComponent/{node}/process/kubelet"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("process.failed", "HypervisorComponent/{node}/process/kubelet", "cleared_ms", state="cleared"),),
)
