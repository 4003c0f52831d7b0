"""One value of every kind of frame, with nothing left at its default."""

from typing import Any

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict.inputs import Opinion, Reach, Vote
from nfvi_ha.core.wire.answer import Answer
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog
from nfvi_ha.core.wire.echo import EchoReply, EchoRequest
from nfvi_ha.core.wire.frame import FrameKind
from nfvi_ha.core.wire.goodbye import Goodbye, GoodbyeReason
from nfvi_ha.core.wire.inventory import Inventory, VmEntry, pack_entries
from nfvi_ha.core.wire.local_fault import LocalFault, pack
from nfvi_ha.core.wire.probe import Found, Method, Outcome, ProbeRequest, ProbeResult, Target
from nfvi_ha.core.wire.votes import SeatBeat, Told, VoteFrame
from tests.unit.core.wire.frames import BOOT, NODE

NONCES = (0x1111111111111111, 0x2222222222222222, 0x3333333333333333)
INCARNATION = 1_764_086_400_123_456_789
VM_DEATH = LocalFault(
    serial=5,
    kind=FaultKind.VM_FAILED,
    cause="QemuKilled",
    severity=Severity.CRITICAL,
    confidence=Confidence.LOW,
    is_event=True,
    seen_at_ms=1_764_086_401_234,
    episode=2,
    vm_uid="0c9fbd33-3c1c-4d5a-b1a5-6b1f6ddca111",
    vm_namespace="prod",
    vm_name="web-0-1",
    vnf="web",
    slot=0,
    proof="pid 4711 reaped, no qemu left",
    detail="killed by signal 9",
)
KUBELET_HUNG = LocalFault(
    serial=6,
    kind=FaultKind.PROCESS_HUNG,
    cause="NoAnswer",
    severity=Severity.MAJOR,
    confidence=Confidence.HIGH,
    is_event=False,
    seen_at_ms=1_764_086_401_235,
    episode=0,
    component="process/kubelet",
    detail="no answer within 300 ms, twice",
)

SAMPLES: dict[FrameKind, Any] = {
    FrameKind.BEAT: Beat(
        node=NODE,
        boot_id=BOOT,
        incarnation=INCARNATION,
        sequence=42,
        network=1,
        flags=Flags.REAL_TIME | Flags.NEW_FAULT,
        watchdog=Watchdog.ARMED,
        lag_ms=3,
        episode=4,
        fault_generation=9,
        inventory_generation=11,
        nonces=NONCES,
        faults=pack((VM_DEATH, KUBELET_HUNG), 1000).blob,
    ),
    FrameKind.ANSWER: Answer(2, NONCES[2], INCARNATION, 42, 4, True, 4, 0b11, True),
    FrameKind.INVENTORY: Inventory(
        NODE,
        BOOT,
        INCARNATION,
        generation=11,
        part=1,
        parts=2,
        nonces=NONCES,
        packed=pack_entries(
            (
                VmEntry("0c9fbd33-3c1c-4d5a-b1a5-6b1f6ddca111", "prod", "web-0-1", "web", 0),
                VmEntry("0c9fbd33-3c1c-4d5a-b1a5-6b1f6ddca112", "lab", "alone", report=False, going=True),
            )
        ),
    ),
    FrameKind.GOODBYE: Goodbye(NODE, BOOT, INCARNATION, 43, GoodbyeReason.REBOOT, 300, NONCES),
    FrameKind.ECHO_REQUEST: EchoRequest(NODE, 0x0123456789ABCDEF),
    FrameKind.ECHO_REPLY: EchoReply(NODE, 0x0123456789ABCDEF),
    FrameKind.PROBE_REQUEST: ProbeRequest(
        NODE,
        2,
        0xFEDCBA9876543210,
        "worker-2",
        (Target(0, "10.0.0.2", 7411, (10250, 22)), Target(1, "fd00::2", 7411)),
    ),
    FrameKind.PROBE_RESULT: ProbeResult(
        NODE,
        0xFEDCBA9876543210,
        "worker-2",
        (Found(0, Method.TCP, Outcome.REFUSED), Found(1, Method.UDP, Outcome.SILENT)),
    ),
    FrameKind.SEAT_BEAT: SeatBeat(1, INCARNATION, 7, NONCES[1], 1000, 998, 2, True, True, False, NONCES),
    FrameKind.VOTE: VoteFrame(
        Vote(1, INCARNATION, 8, "worker-2", BOOT, Opinion.REACHABLE, Reach.TCP | Reach.LEFT, 0b10, 4), NONCES
    ),
    FrameKind.TOLD: Told(1, INCARNATION, 9, "hypervisor-failed-1f6ac3.0", ("vim-a", "vim-b"), NONCES),
}
