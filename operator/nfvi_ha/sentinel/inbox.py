"""Verified frames, handed to whom they concern. Whether a frame is authentic and fresh was found out before."""

from collections.abc import Callable
from typing import Final

from nfvi_ha.core.verdict.inputs import Vote
from nfvi_ha.core.verdict.outputs import Outputs
from nfvi_ha.core.verdict.verdicts import Verdicts
from nfvi_ha.core.wire.beat import Beat
from nfvi_ha.core.wire.echo import EchoReply
from nfvi_ha.core.wire.goodbye import Goodbye
from nfvi_ha.core.wire.inventory import Inventory
from nfvi_ha.core.wire.probe import ProbeResult
from nfvi_ha.core.wire.votes import SeatBeat, Told
from nfvi_ha.sentinel.agent_faults import AgentFaults
from nfvi_ha.sentinel.answers import Answers
from nfvi_ha.sentinel.audience import Due
from nfvi_ha.sentinel.host_report import HostReports
from nfvi_ha.sentinel.lives import Lives
from nfvi_ha.sentinel.prober import Prober
from nfvi_ha.sentinel.seats import Seats
from nfvi_ha.sentinel.sources import Place
from nfvi_ha.sentinel.teller import Teller

OTHER_PROCESS: Final = 0
"""Its incarnation is not known, only that it is not ours."""


class Inbox:
    """The receiver's audience.

    Args:
        verdicts: are told of life.
        do: does what they ask for.
        lives: keeps what agents said.
        faults: tells what agents see.
        answers: are made here.
        prober: waits for replies.
        seats: notes who lives.
        teller: is told what others delivered.
        reports: are told what changed.
    """

    def __init__(
        self,
        *,
        verdicts: Verdicts,
        do: Callable[[Outputs], None],
        lives: Lives,
        faults: AgentFaults,
        answers: Answers,
        prober: Prober,
        seats: Seats,
        teller: Teller,
        reports: HostReports,
    ) -> None:
        self._verdicts = verdicts
        self._do = do
        self._lives = lives
        self._faults = faults
        self._answers = answers
        self._prober = prober
        self._seats = seats
        self._teller = teller
        self._reports = reports

    def heard(
        self,
        node: str,
        network: int,
        boot_id: str,
        incarnation: int,
        real_time: bool,
        self_slow: bool,
        episode: int,
        now: float,
        /,
    ) -> None:
        """One beat. Hot: 20,000 a second."""
        self._lives.heard_at[node] = now
        outputs = self._verdicts.heard(node, network, boot_id, incarnation, real_time, self_slow, episode, now)
        if outputs:
            self._do(outputs)

    def told(self, beat: Beat, place: Place, now: float, /) -> None:
        """A beat that says something new."""
        life = self._lives.told(beat, place, now)
        if life is not None:
            if self._faults.changed(life):
                self._answers.await_safety(beat.node)
            self._reports.changed(beat.node)

    def due(self, due: Due, now: float, /) -> bytes:
        """An answer is due."""
        del now
        self._prober.learn_key(due.beat.node, due.key, due.key_id)
        return self._answers.make(due)

    def inventory(self, inventory: Inventory, now: float, /) -> None:
        """A part of a node's VMs."""
        if self._lives.inventory(inventory, now):
            self._reports.changed(inventory.node)

    def goodbye(self, goodbye: Goodbye, now: float, /) -> None:
        """A planned stop was announced."""
        said = (goodbye.node, goodbye.boot_id, goodbye.reason.value, float(goodbye.seconds))
        self._do(self._verdicts.left(*said, now))
        self._answers.goodbye(goodbye.node, goodbye.incarnation)

    def echoed(self, reply: EchoReply, place: Place, now: float, /) -> None:
        """A node's echo."""
        del place, now
        self._prober.echoed(reply)

    def probe_result(self, result: ProbeResult, now: float, /) -> None:
        """What a peer found."""
        del now
        self._prober.result(result)

    def seat_beat(self, beat: SeatBeat, now: float, /) -> None:
        """Another seat lives."""
        self._seats.heard(beat.seat, beat.incarnation, now)
        self._do(self._verdicts.seat_heard(beat.seat, beat.incarnation, now))

    def seat_taken(self, beat: SeatBeat, now: float, /) -> None:
        """Somebody else has our seat: neither of us judges, or votes."""
        self._seats.heard(beat.seat, beat.incarnation, now)
        self._seats.taken(now)
        self._do(self._verdicts.seat_heard(self._seats.own, OTHER_PROCESS, now))

    def vote(self, vote: Vote, now: float, /) -> None:
        """Another seat's opinion."""
        self._do(self._verdicts.voted(vote, now))

    def delivered(self, told: Told, now: float, /) -> None:
        """Another seat delivered a notification."""
        del now
        self._teller.told(told.seat, told.notification_id, told.endpoints)
