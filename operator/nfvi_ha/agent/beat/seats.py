"""What the sentinels said: by seat, and which beats they said it of."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from nfvi_ha.core.wire.answer import Answer
from nfvi_ha.core.wire.nonces import SEATS, Nonces

HISTORY: Final = 128
"""Beats remembered: ten seconds of them. An answer to an older one is worth nothing."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A beat that went out."""

    sequence: int
    at: float
    key_id: int
    generation: int
    """Of the fault set in it, in the probes process's count."""


class History:
    """The last beats, by sequence."""

    def __init__(self) -> None:
        self._ring: list[Sent | None] = [None] * HISTORY

    def add(self, sent: Sent) -> None:
        """A beat goes out."""
        self._ring[sent.sequence % HISTORY] = sent

    def of(self, sequence: int) -> Sent | None:
        """The beat of that sequence, if it was sent and is remembered."""
        sent = self._ring[sequence % HISTORY]
        return sent if sent is not None and sent.sequence == sequence else None


class Worth(Enum):
    """What an authentic answer is worth."""

    NEWS = auto()
    REPLAYED = auto()
    """To a beat that this process did not send or has forgotten, or older than the last answer of that seat."""
    AHEAD = auto()
    """It answers a later incarnation than ours: our clock went back."""


@dataclass(slots=True)
class Seat:
    """One sentinel's last word. Times are monotonic; None is never."""

    nonce: int = 0
    sequence: int = -1
    answered_at: float | None = None
    permit_at: float | None = None
    """When the beat was sent that was answered with the last permit: not when the answer came, for it may be late."""
    goodbye_accepted: bool = False


class Seats:
    """All three."""

    def __init__(self) -> None:
        self.by_number = tuple(Seat() for _ in range(SEATS))

    @property
    def nonces(self) -> Nonces:
        """As beats carry them."""
        one, two, three = self.by_number
        return one.nonce, two.nonce, three.nonce

    def take(self, answer: Answer, incarnation: int, history: History, now: float) -> tuple[Worth, Sent | None]:
        """Judge an authentic answer, and learn from it if it is news."""
        if answer.incarnation > incarnation:
            return Worth.AHEAD, None
        seat, sent = self.by_number[answer.seat], history.of(answer.sequence)
        if answer.incarnation < incarnation or sent is None or answer.sequence <= seat.sequence:
            return Worth.REPLAYED, None
        seat.sequence = answer.sequence
        seat.nonce = answer.nonce
        seat.answered_at = now
        seat.goodbye_accepted = seat.goodbye_accepted or answer.goodbye_accepted
        if answer.permit:
            seat.permit_at = sent.at
        return Worth.NEWS, sent

    def new_incarnation(self) -> None:
        """Sequences start over in the seats' eyes; what they said of the former one is void."""
        for seat in self.by_number:
            seat.goodbye_accepted = False

    def goodbyes(self, seats: Iterable[int]) -> int:
        """How many of these accepted our goodbye."""
        return sum(self.by_number[number].goodbye_accepted for number in seats)

    def last_answer_at(self) -> float | None:
        """When any of them was heard last."""
        return max((seat.answered_at for seat in self.by_number if seat.answered_at is not None), default=None)
