"""A fault table as tests use it."""

from collections.abc import Callable

from nfvi_ha.agent.faults import FaultTable, Telling
from nfvi_ha.agent.memory import Memory, from_json
from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.local_fault import LocalFault, unpack

HUNG = FaultKey(FaultKind.PROCESS_HUNG, "process/kubelet")
HUNG_SEEN = Observed(FaultKind.PROCESS_HUNG, "NoAnswer", Severity.MAJOR, component="process/kubelet")


def death(uid: str = "uid-1") -> tuple[FaultKey, Observed]:
    seen = Observed(
        FaultKind.VM_FAILED,
        "QemuKilled",
        Severity.CRITICAL,
        Confidence.HIGH,
        vm_uid=uid,
        vm_namespace="default",
        vm_name=f"vm-{uid}",
        vnf="web",
        slot=3,
    )
    return FaultKey(FaultKind.VM_FAILED, uid), seen


class Desk:
    """A table whose turns of the event loop are taken by hand."""

    def __init__(self, memory: Memory | None = None, room: int = 1000, now: float = 100.0) -> None:
        self.now = now
        self.wall_ms = 5000
        self.story: list[str] = []
        self.tellings: list[Telling] = []
        self.waiting: list[Callable[[], None]] = []
        self.slices: list[Callable[[], None]] = []
        """What the table wants to be called for later."""
        self.table = FaultTable(
            memory or Memory("boot"),
            room=room,
            tell=self._tell,
            save=lambda: self.story.append("saved"),
            soon=self.waiting.append,
            later=lambda _, call: self.slices.append(call),
            wall_ms=lambda: self.wall_ms,
            monotonic=lambda: self.now,
        )

    def _tell(self, telling: Telling) -> None:
        self.tellings.append(telling)
        self.story.append("told")

    def turn(self) -> Telling:
        while self.waiting:
            self.waiting.pop(0)()
        return self.tellings[-1]

    def next_slice(self) -> Telling:
        while self.slices:
            self.slices.pop(0)()
        return self.turn()

    def faults(self) -> tuple[LocalFault, ...]:
        return unpack(self.turn().blob)

    def restarted(self) -> "Desk":
        self.turn()
        memory = from_json(self.table.memory.to_json(), "boot")
        assert memory is not None
        other = Desk(memory, now=self.now + 5)
        other.table.tell_again()
        return other
