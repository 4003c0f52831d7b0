"""An agent's words as a Fault of ours. An agent may speak of its own node only, whatever its datagram says."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from nfvi_ha.core.evidence import AGENT
from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.wire.local_fault import LocalFault
from nfvi_ha.sentinel.entries import VmEntry

COMPONENT_KIND: Final = "HypervisorComponent"
VM_KIND: Final = "VirtualMachineInstance"
PROOF_KINDS: Final = frozenset({FaultKind.VM_FAILED})
"""Faults whose proof is evidence that the VM's process is gone."""
SENTINELS_OWN: Final = frozenset(
    {
        FaultKind.HYPERVISOR_FAILED,
        FaultKind.HYPERVISOR_UNREACHABLE,
        FaultKind.HYPERVISOR_NETWORK,
        FaultKind.AGENT_LOST,
        FaultKind.MASS_FAILURE,
        FaultKind.REDUNDANCY_LOST,
        FaultKind.REPLICAS_BELOW,
    }
)
"""What no agent can know."""
ON_VMS: Final = frozenset({FaultKind.VM_FAILED, FaultKind.VM_UNREADY, FaultKind.VM_PAUSED, FaultKind.VM_STUCK})
"""What is said of a VM, and of nothing else; all other kinds that an agent knows are of components of its node."""
MAX_EPISODE: Final = 2**31 - 1
"""What an Incident's episode can hold."""
MAX_AGE: Final = timedelta(minutes=5)
"""An agent's stamp that is further from our clock is not used: its node's clock is wrong, or the fault was spooled
long ago. A stamp of last week would have its notification expire before it is sent."""
CAUSE_FLOOD: Final = "TooManyNewFaults"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_COMPONENT: Final = re.compile(r"[\x21-\x7e]{1,120}")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")


class BadFault(ValueError):  # noqa: N818 - what it is
    """A fault of an agent that cannot be used; the message says why."""


def seen_at(fault: LocalFault, now: datetime) -> datetime:
    """When the agent saw it, or ``now`` where its clock cannot be believed."""
    try:
        stamp = datetime.fromtimestamp(fault.seen_at_ms / 1000.0, UTC)
    except (OverflowError, ValueError, OSError):
        return now
    return stamp if timedelta(0) <= now - stamp <= MAX_AGE else now


class Whereabouts(Enum):
    """Where the API shows a VM, seen from the node whose agent speaks of it."""

    HERE = "here"
    """On that node, and going nowhere: what its agent sees end there is the VM."""
    UNKNOWN = "unknown"
    """Nowhere yet: we may be behind, and the agent may be wrong."""
    LEAVING = "leaving"
    ARRIVING = "arriving"
    """It moves, and the API shows it on another node so far. A target that ends leaves the VM where it was."""
    ELSEWHERE = "elsewhere"


def whereabouts(known: VmEntry | None, node: str) -> Whereabouts:
    """Where a VM is. Only what ends HERE is evidence (invariant 1)."""
    if known is None or not known.node:
        return Whereabouts.UNKNOWN
    if known.migrating:
        return Whereabouts.LEAVING if known.node == node else Whereabouts.ARRIVING
    return Whereabouts.HERE if known.node == node else Whereabouts.ELSEWHERE


def fault_of(
    local: LocalFault, node: str, boot_id: str, now: datetime, vm_of: Callable[[str], VmEntry | None]
) -> Fault:
    """The fault that a verified beat of a node carries; its proof is evidence only of a VM that is on that node.

    Args:
        local: as it came.
        node: whose beat it was.
        boot_id: of that beat.
        now: our wall clock.
        vm_of: a VM as the feed shows it, by uid.

    Raises:
        BadFault: it names something that cannot be, or that is no agent's to say.
    """
    if local.kind in SENTINELS_OWN:
        raise BadFault(f"{local.kind.value} is not an agent's to say")
    if local.severity is Severity.CLEARED:
        raise BadFault(f"{local.kind.value} that is there has severity {local.severity.value}")
    if local.episode > MAX_EPISODE:
        raise BadFault(f"{local.kind.value} of episode {local.episode}, above {MAX_EPISODE}")
    if (local.kind in ON_VMS) is not bool(local.vm_uid):
        raise BadFault(f"{local.kind.value} of {'a VM' if local.vm_uid else 'a component'}")
    cause = local.cause if _WORD.fullmatch(local.cause) else "Unknown"
    at = seen_at(local, now)
    if not local.vm_uid:
        if not _COMPONENT.fullmatch(local.component):
            raise BadFault(f"{local.kind.value} of component {local.component!r}")
        resource = ResourceRef(COMPONENT_KIND, "", f"{node}/{local.component}", boot_id)
        message = local.detail or f"{local.component} on {node}: {cause}"
        return Fault(local.kind, resource, cause, message, local.severity, local.confidence, at, node=node)
    if not _NAME.fullmatch(local.vm_namespace) or not _NAME.fullmatch(local.vm_name):
        raise BadFault(f"VM {local.vm_namespace!r}/{local.vm_name!r} cannot be")
    known = vm_of(local.vm_uid)
    if known is not None and (known.namespace, known.name) != (local.vm_namespace, local.vm_name):
        raise BadFault(f"VM {local.vm_uid} is {known.namespace}/{known.name}, not {local.vm_namespace}/{local.vm_name}")
    where = whereabouts(known, node)
    if where is Whereabouts.ELSEWHERE:
        raise BadFault(f"VM {local.vm_namespace}/{local.vm_name} runs on another node")
    return Fault(
        kind=local.kind,
        resource=ResourceRef(VM_KIND, local.vm_namespace, local.vm_name, local.vm_uid),
        cause=cause,
        message=local.detail or f"{local.vm_namespace}/{local.vm_name} on {node}: {cause}",
        severity=local.severity,
        confidence=Confidence.LOW if where is Whereabouts.ARRIVING else local.confidence,
        detected_at=at,
        node=node,
        vnf=local.vnf if _NAME.fullmatch(local.vnf) else "",
        slot=local.slot,
        evidence=_evidence(local, node, at) if where is Whereabouts.HERE else None,
    )


def overflow_fault(node: str, boot_id: str, now: datetime) -> Fault:
    """A node's agent tells of more new faults than are taken from one."""
    return Fault(
        kind=FaultKind.AGENT_OVERFLOW,
        resource=ResourceRef(COMPONENT_KIND, "", f"{node}/agent", boot_id),
        cause=CAUSE_FLOOD,
        message=f"the agent of {node} tells of more new faults than are taken from one; the rest follow slowly",
        severity=Severity.MAJOR,
        confidence=Confidence.HIGH,
        detected_at=now,
        node=node,
    )


def _evidence(local: LocalFault, node: str, at: datetime) -> Evidence | None:
    if not local.proof or local.kind not in PROOF_KINDS:
        return None
    return Evidence(EvidenceKind.PROCESS_GONE, f"{AGENT}{node}", local.proof, at)
