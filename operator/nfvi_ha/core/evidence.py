"""When may we assume that a VM cannot write any more? (DESIGN section 5, "Evidence"; invariant 1)

What is gone proves nothing: a pod that vanished, a Terminating pod, Ready=False and silence are never evidence. The
two things that are: a final phase written by virt-handler, which saw the domain end, and the ``compute`` container
reported terminated by a kubelet - each only while the node that speaks is fresh.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from nfvi_ha.core.fault import Evidence, EvidenceKind
from nfvi_ha.core.views import PodView, VmView

VIRT_HANDLER: Final = "virt-handler"
KUBELET: Final = "kubelet"
AGENT: Final = "agent@"
"""Of the source of an agent's evidence; its node follows."""
STARTED_PHASES: Final = frozenset({"Scheduled", "Running"})


def find_evidence(
    vm: VmView, pods: Collection[PodView], fresh_nodes: Collection[str], now: datetime
) -> Evidence | None:
    """The first evidence that covers the VM, or None.

    Args:
        vm: the VM as last seen.
        pods: its virt-launcher pods as last seen (all that carry its uid).
        fresh_nodes: nodes whose Lease was seen to be renewed recently, by our own monotonic clock.
        now: stamp for ``seen_at`` (UTC).
    """
    return (
        final_phase_by_virt_handler(vm, fresh_nodes, now)
        or compute_terminated(vm, pods, fresh_nodes, now)
        or never_started(vm, now)
    )


def final_phase_by_virt_handler(vm: VmView, fresh_nodes: Collection[str], now: datetime) -> Evidence | None:
    """virt-handler wrote the final phase: it saw the domain end on its own node.

    virt-controller also writes Failed, when a launcher pod vanishes or the node is unresponsive, and then knows
    nothing of qemu. It leaves no phaseTransitionTimestamp for it and another field manager (KubeVirt 1.9 source:
    watch/vmi/lifecycle.go, watch/node/node.go).
    """
    if not said_by_virt_handler(vm) or vm.node not in fresh_nodes:
        return None
    return Evidence(EvidenceKind.PROCESS_GONE, f"{VIRT_HANDLER}@{vm.node}", f"phase {vm.phase}", now)


def said_by_virt_handler(vm: VmView) -> bool:
    """Whether the final phase bears virt-handler's marks. Evidence it is only while its node is fresh.

    A writer that managedFields do not tell ("") may be anybody, and proves nothing.
    """
    stamped = any(phase == vm.phase for phase, _ in vm.phase_times)
    return vm.final and bool(vm.node) and stamped and vm.phase_writer == VIRT_HANDLER and not vm.reason


def compute_terminated(
    vm: VmView, pods: Collection[PodView], fresh_nodes: Collection[str], now: datetime
) -> Evidence | None:
    """The kubelet of a fresh node says that the ``compute`` container, where qemu lives, has terminated.

    Every pod the VMI says is active must be there and say so: during a migration there are two, and one that is
    missing may still run.
    """
    bound = [pod for pod in pods if pod.vmi_uid == vm.uid and pod.node]
    known = {pod.uid for pod in bound}
    if not bound or any(uid not in known for uid, _ in vm.active_pods):
        return None
    if vm.node and all(pod.node != vm.node for pod in bound):
        return None
    if not all(_terminated(pod) and pod.node in fresh_nodes for pod in bound):
        return None
    last = max(bound, key=lambda pod: pod.uid)
    detail = f"compute terminated, exit code {last.compute_exit_code}"
    return Evidence(EvidenceKind.PROCESS_GONE, f"{KUBELET}@{last.node}", detail, now)


def never_started(vm: VmView, now: datetime) -> Evidence | None:
    """The VM ended before any node was asked to run it.

    virt-handler starts qemu only once the VMI is Scheduled, and by then ``status.nodeName`` and the phase's
    timestamp are written (KubeVirt 1.9 source: watch/vmi/lifecycle.go). A final phase is never left again.
    """
    started = any(phase in STARTED_PHASES for phase, _ in vm.phase_times)
    if not vm.final or vm.node or vm.active_pods or started:
        return None
    return Evidence(EvidenceKind.NEVER_STARTED, "api", f"never scheduled to a node, phase {vm.phase}", now)


def covers(evidence: Evidence, vm: VmView, pods: Collection[PodView]) -> bool:
    """Whether evidence on record is about this VM as the API shows it now, and not about another process of it.

    An agent sees a process end on its own node. That is the VM's end only if the VM was on that node and on no other:
    the target of a migration that failed ends, too, beside the VM that lives on at the source (invariant 1).
    """
    if not evidence.source.startswith(AGENT):
        return True
    node = evidence.source.removeprefix(AGENT)
    if vm.node != node or vm.migrating:
        return False
    ended = {pod.uid for pod in pods if _terminated(pod)}
    places = {*vm.active_pods, *((pod.uid, pod.node) for pod in pods if pod.vmi_uid == vm.uid and pod.node)}
    return all(where == node or uid in ended for uid, where in places)


def _terminated(pod: PodView) -> bool:
    return pod.compute_exit_code is not None and pod.status_writer == KUBELET
