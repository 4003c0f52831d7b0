"""What to say of a VM's process that is ending (docs/decisions/0009).

A guest that shuts down and one that was killed look the same at first: PF_EXITING. What tells them apart is the exit
code, and whether somebody asked for it. Signals that a process makes itself (SIGSEGV, SIGABRT, ...) and exit codes
other than 0 are a crash. SIGKILL and its like are sent by somebody, who may have deleted the VM a moment before.
"""

import signal
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.detection import CAUSE_CRASHED, CAUSE_LAUNCHER_CRASHED, CAUSE_LAUNCHER_EXITED
from nfvi_ha.core.fault import Confidence

CAUSE_KILLED: Final = "QemuKilled"
CAUSE_ENDED: Final = "QemuEnded"
"""It ended, and we could not see how."""
CLEAN_EXIT: Final = "CleanExit"

ASK_SECONDS: Final = 0.04
"""So long the word of the API server is waited for where the end may have been asked for by somebody: it answers in 5
to 15 ms. What it has said by then decides, else what it said before."""
UNKNOWN_SECONDS: Final = 0.6
"""So long an exit code that we may not read is waited for, or a phase that tells: 400 ms remain for the report."""
RECENT_SECONDS: Final = 10.0
"""What was heard so lately would have told of a deletion."""
CONNECTED_SECONDS: Final = 90.0
"""A watch that said nothing, not even a bookmark, for longer is broken."""
_SENT_SIGNALS: Final = frozenset(
    {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE}
)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended, out of its wait status."""

    code: int
    """As wait() gives it: the signal in the lowest 7 bits, a core dump in the 8th, the exit status above."""

    @property
    def signal(self) -> int:
        """0 if it exited by itself."""
        return self.code & 0x7F

    @property
    def status(self) -> int:
        """Its exit status."""
        return self.code >> 8 & 0xFF

    @property
    def clean(self) -> bool:
        """Exit status 0."""
        return self.code == 0

    @property
    def sent(self) -> bool:
        """By a signal that others send; a core dump shows that it was not."""
        return self.signal in _SENT_SIGNALS and not self.code & 0x80

    def __str__(self) -> str:
        if not self.signal:
            return f"exit status {self.status}"
        try:
            name = signal.Signals(self.signal).name
        except ValueError:
            name = f"signal {self.signal}"
        return f"{name}, core dumped" if self.code & 0x80 else name


@dataclass(frozen=True, slots=True)
class EndSight:
    """A VM's process that is ending, or a launcher that left its VM's process behind."""

    ending: Exit | None
    """None: not known (yet)."""
    dumping: bool
    settled: bool
    """The exit code that is seen is final."""
    intent: str
    """Why it was intended; "" if nothing says so."""
    asked: bool
    """The API server was asked since, and says the VM is wanted."""
    refused: bool
    """It was asked and does not answer: there is nothing to wait for."""
    heard_seconds: float
    seconds: float
    """Since the first sign."""


@dataclass(frozen=True, slots=True)
class Report:
    """The VM failed."""

    cause: str
    confidence: Confidence
    how: str


@dataclass(frozen=True, slots=True)
class Stay:
    """It was intended."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """It cannot be told yet; in any case after ``seconds`` from the first sign."""

    seconds: float
    ask: bool = False
    """Ask the API server meanwhile whether the VM is wanted."""


Decision = Report | Stay | Wait


def judge_vm(sight: EndSight) -> Decision:
    """What to say of a VM's process that shows a sign of its end."""
    if sight.intent:
        return Stay(sight.intent)
    connected = sight.asked or sight.heard_seconds <= CONNECTED_SECONDS
    if sight.dumping:
        how = str(sight.ending) if sight.ending is not None and sight.ending.signal else "a fatal signal"
        return Report(CAUSE_CRASHED, _sure(connected), f"{how}, dumping core")
    if sight.ending is None:
        return _unseen(sight)
    if sight.ending.clean:
        return Stay(CLEAN_EXIT) if sight.settled else Wait(UNKNOWN_SECONDS)
    if not sight.ending.sent:
        return Report(CAUSE_CRASHED, _sure(connected), str(sight.ending))
    return _sent(sight, CAUSE_KILLED, str(sight.ending))


def judge_launcher(sight: EndSight) -> Decision:
    """What to say of a virt-launcher that ended while its VM's process ran on: the VM's death ahead.

    Exit status 0 is how it ends when it was told to, and then its VM's process is ended by somebody, too.
    """
    if sight.intent:
        return Stay(sight.intent)
    if sight.ending is not None and sight.ending.clean:
        return _exited(sight)
    how = f"virt-launcher ended: {sight.ending if sight.ending is not None else 'exit code not seen'}"
    if sight.ending is None or sight.ending.sent:
        return _sent(sight, CAUSE_LAUNCHER_CRASHED, how)
    return Report(CAUSE_LAUNCHER_CRASHED, _sure(sight.heard_seconds <= CONNECTED_SECONDS), how)


def _sent(sight: EndSight, cause: str, how: str) -> Decision:
    if sight.asked:
        return Report(cause, Confidence.HIGH, how)
    if sight.seconds < ASK_SECONDS and not sight.refused:
        return Wait(ASK_SECONDS, ask=True)
    return Report(cause, _sure(sight.heard_seconds <= RECENT_SECONDS), how)


def _exited(sight: EndSight) -> Decision:
    if sight.seconds < UNKNOWN_SECONDS:
        return Wait(UNKNOWN_SECONDS, ask=True)
    return Report(CAUSE_LAUNCHER_EXITED, Confidence.LOW, "virt-launcher ended by itself, qemu runs on")


def _unseen(sight: EndSight) -> Decision:
    if sight.seconds < UNKNOWN_SECONDS:
        return Wait(UNKNOWN_SECONDS, ask=True)
    return Report(CAUSE_ENDED, Confidence.LOW, "ended, exit code not seen")


def _sure(known: bool) -> Confidence:
    return Confidence.HIGH if known else Confidence.LOW
