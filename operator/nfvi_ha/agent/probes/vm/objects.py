"""VMIs and launcher pods as the API has them, to what the VM probe knows of them. Tolerant of any JSON."""

from typing import Any

from nfvi_ha.api.names import ANNOTATION_REPORT, LABEL_SLOT
from nfvi_ha.core.vmprocess.facts import LauncherFacts, Migration, VmFacts
from nfvi_ha.kube.views import JsonObject, pod_view, vm_view


def vm_facts(obj: JsonObject) -> VmFacts | None:
    """A VirtualMachineInstance; None when it has no uid, namespace or name."""
    vm = vm_view(obj)
    if vm is None:
        return None
    owner = vm.owner if vm.owner is not None and vm.owner.kind == "VNFReplicaSet" else None
    slot = vm.label(LABEL_SLOT)
    return VmFacts(
        uid=vm.uid,
        namespace=vm.namespace,
        name=vm.name,
        node=vm.node,
        phase=vm.phase,
        deleting=vm.deleting,
        report=vm.annotation(ANNOTATION_REPORT) != "false",
        vnf=owner.name if owner is not None else "",
        slot=int(slot) if owner is not None and slot.isascii() and slot.isdigit() else None,
        migration=_migration((obj.get("status") or {}).get("migrationState")),
        pods=tuple(uid for uid, _ in vm.active_pods),
    )


def launcher_facts(obj: JsonObject) -> LauncherFacts | None:
    """A virt-launcher pod; None when it has no identity."""
    pod = pod_view(obj)
    if pod is None:
        return None
    return LauncherFacts(pod.uid, pod.vmi_uid, deleting=pod.deleting_since is not None)


def _migration(state: Any) -> Migration | None:
    if not isinstance(state, dict) or not state:
        return None
    return Migration(
        source=_text(state.get("sourceNode")),
        target=_text(state.get("targetNode")),
        target_ready=bool(state.get("targetNodeDomainReadyTimestamp")),
        completed=bool(state.get("completed")) and not state.get("failed"),
        failed=bool(state.get("failed")),
        post_copy=state.get("mode") == "PostCopy",
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
