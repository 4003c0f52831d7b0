"""Numbers of the kinds of fault on the wire. They are never used for another kind, whatever becomes of the names."""

from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.wire.errors import OutOfRange

_CODES: Final = {
    FaultKind.VM_FAILED: 1,
    FaultKind.VM_UNREADY: 2,
    FaultKind.VM_PAUSED: 3,
    FaultKind.VM_STUCK: 4,
    FaultKind.REPLICAS_BELOW: 5,
    FaultKind.HYPERVISOR_FAILED: 16,
    FaultKind.HYPERVISOR_UNREACHABLE: 17,
    FaultKind.HYPERVISOR_NETWORK: 18,
    FaultKind.AGENT_LOST: 19,
    FaultKind.AGENT_OVERFLOW: 20,
    FaultKind.MASS_FAILURE: 21,
    FaultKind.REDUNDANCY_LOST: 22,
    FaultKind.PROCESS_FAILED: 32,
    FaultKind.PROCESS_HUNG: 33,
    FaultKind.PROCESS_FLAPPING: 34,
    FaultKind.LINK_DOWN: 48,
    FaultKind.STORAGE_PATH_DEGRADED: 49,
    FaultKind.STORAGE_PATH_FAILED: 50,
    FaultKind.STORAGE_PATH_SLOW: 51,
    FaultKind.HARDWARE_FAILED: 64,
    FaultKind.HARDWARE_DEGRADED: 65,
}
KIND_OF: Final = {code: kind for kind, code in _CODES.items()}


def code_of(kind: FaultKind) -> int:
    """The number of a kind.

    Raises:
        OutOfRange: it has none yet; append one here.
    """
    code = _CODES.get(kind)
    if code is None:
        raise OutOfRange(f"kind: {kind.value} has no number on the wire")
    return code
