"""A kubelet and virt-handler that stand still: the agent is heard, the VMs run, nobody is told of a dead host."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target


async def _inject(session: Session, hit: Target) -> Injection:
    return session.faults.freeze_node(hit.node)


async def _restore(session: Session, hit: Target) -> Injection:
    return session.faults.unfreeze_node(hit.node)


SCENARIO: Final = HostScenario(
    name="handler-hung",
    summary="SIGSTOP to a node's kubelet and virt-handler for some seconds: no host and no VM is told as failed.",
    inject=_inject,
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    quiet_seconds=5.0,
)
