"""What a probe saw, before it has a serial and an episode."""

from dataclasses import dataclass

from nfvi_ha.core.fault import Confidence, FaultKind, Severity


@dataclass(frozen=True, slots=True)
class FaultKey:
    """Which fault it is: the same key is the same fault, however often it is seen."""

    kind: FaultKind
    on: str
    """The VM's uid, or the component: "process/kubelet", "link/eth0", "memory/mc0"."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A fault as a probe sees it. Either ``component`` or the fields of a VM are filled."""

    kind: FaultKind
    cause: str
    """A constant CamelCase reason, e.g. QemuKilled."""
    severity: Severity
    confidence: Confidence = Confidence.HIGH
    component: str = ""
    vm_uid: str = ""
    vm_namespace: str = ""
    vm_name: str = ""
    vnf: str = ""
    slot: int | None = None
    detail: str = ""
    """For people; cut to 120 bytes on the wire."""
    proof: str = ""
    """Detail of the evidence ProcessGone; "" is no evidence."""
    seen_at_ms: int = 0
    """Wall clock of this node in ms since 1970, when the probe saw it; 0 takes the time of the call."""
