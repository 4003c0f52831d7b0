"""A VM whose process is watched here, and what has come of it so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from nfvi_ha.agent.observed import Observed
from nfvi_ha.agent.probes.watched_process import WatchedProcess
from nfvi_ha.core.vmprocess.command import QemuCommand
from nfvi_ha.core.vmprocess.ending import EndSight, Exit
from nfvi_ha.core.vmprocess.facts import VmFacts
from nfvi_ha.core.vmprocess.identity import Identity
from nfvi_ha.core.vmprocess.stuck import Standing


@dataclass(slots=True)
class Case:
    """One end (of the VM's process, or of its launcher ahead of it) that is being judged."""

    of_launcher: bool
    first: float
    """Monotonic seconds of the first sign."""
    code: int | None = None
    settled: bool = False
    dumping: bool = False
    asked: VmFacts | None = None
    """What the API server answered since."""
    asking: bool = False
    refused: bool = False
    """It does not answer."""
    decided: bool = False

    def saw(self, code: int | None, *, final: bool, dumping: bool = False) -> None:
        """Take in an exit code. One that says 0 is believed when it was seen twice.

        Before Linux 5.17 there is a moment in which the process is ending and its code is not there yet.
        """
        if self.settled:
            return
        self.dumping = dumping
        if code is not None:
            self.settled = final or (code == self.code)
            self.code = code

    def sight(self, now: float, intent: str, heard_seconds: float) -> EndSight:
        """As the decision wants it."""
        ending = Exit(self.code) if self.code is not None else None
        return EndSight(
            ending,
            self.dumping,
            self.settled,
            intent,
            self.asked is not None,
            self.refused,
            heard_seconds,
            now - self.first,
        )


@dataclass(slots=True, eq=False)
class Guest:
    """One qemu process, by pid and start time."""

    pid: int
    start: int
    pod: str
    """Uid of its pod; "" for one in none."""
    process: WatchedProcess | None
    """None: it ended while no agent watched."""
    command: QemuCommand | None = None
    identity: Identity | None = None
    vnf: str = ""
    slot: int | None = None
    end: Case | None = None
    launcher_end: Case | None = None
    said: Observed | None = None
    """Its failure, as reported."""
    gone: bool = False
    """Waited for by its parent: it exists no more."""
    proof: str = ""
    standing: Standing | None = None
    stuck: str = ""
    """The cause under which it is reported stuck."""
    unreadable: bool = field(default=False)
    """That procfs shows nonsense of it was logged."""

    @property
    def cases(self) -> tuple[Case, ...]:
        """Those that there are."""
        return tuple(case for case in (self.end, self.launcher_end) if case is not None)

    @property
    def pending(self) -> bool:
        """Whether a case is not decided yet."""
        return any(not case.decided for case in self.cases)

    @property
    def label(self) -> str:
        """For people."""
        if self.identity is None:
            return f"qemu pid {self.pid}"
        return f"{self.identity.namespace}/{self.identity.name}"

    def to_json(self) -> dict[str, Any]:
        """What a later process must know to see that it is gone."""
        identity = self.identity
        return {
            "pid": self.pid,
            "start": self.start,
            "pod": self.pod,
            "vm": [identity.uid, identity.namespace, identity.name] if identity else [],
            "vnf": self.vnf,
            "slot": self.slot,
        }

    @classmethod
    def ghost(cls, value: Mapping[str, Any]) -> Self:
        """A VM that an earlier process watched and that is there no more.

        Raises:
            KeyError, TypeError, ValueError: ``to_json`` did not write this.
        """
        uid, namespace, name = value["vm"]
        slot = value["slot"]
        return cls(
            pid=int(value["pid"]),
            start=int(value["start"]),
            pod=str(value["pod"]),
            process=None,
            identity=Identity(str(uid), str(namespace), str(name)),
            vnf=str(value["vnf"]),
            slot=None if slot is None else int(slot),
            gone=True,
        )
