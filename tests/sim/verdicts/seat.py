"""A sentinel's seat: the real ``Verdicts`` in a process that may be stopped, killed and started anew."""

from collections.abc import Callable

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.inputs import Method, Outcome, Vote
from nfvi_ha.core.verdict.outputs import (
    AskPeers,
    CastVote,
    Clear,
    NodeState,
    Outputs,
    Probe,
    Raise,
    StateChanged,
)
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.verdicts import Verdicts

from .vim import Vim
from .world import NETWORKS, TRIP_SECONDS, World

TICK_SECONDS = 0.02
SEAT_BEAT_SECONDS = 0.25
SOCKET_BUFFER = 2000
RAISABLE = frozenset(FaultKind)


class Seat:
    """One incarnation of a seat."""

    def __init__(self, number: int, incarnation: int, world: World, vim: Vim, others: "list[Seat]") -> None:
        self.number = number
        self.name = f"seat-{number}"
        self.incarnation = incarnation
        self.alive = True
        self.stopped = False
        self.started = world.clock.now
        self.well_since = world.clock.now
        self.said: list[tuple[float, Raise | Clear | StateChanged]] = []
        self.verdicts = Verdicts(number, VerdictPolicy())
        self._world, self._vim, self._others = world, vim, others
        self._socket: list[Callable[[], Outputs]] = []
        self._sequence = 0
        self._do(self.verdicts.set_roster(world.roster(), world.clock.now))
        on_record = vim.open() if world.api_up else ()  # no feed, nothing on record
        for fault in sorted(on_record, key=lambda fault: fault.kind is FaultKind.MASS_FAILURE):
            outputs = self.verdicts.recall(
                fault.kind, fault.node, fault.network, fault.boot_id, fault.episode, world.clock.now
            )
            self._do(outputs)
        world.clock.later(0.003 * number, self._tick)
        world.clock.later(0.001 * number, self._seat_beat)

    def receive(self, what: Callable[[], Outputs]) -> None:
        """A datagram. One that stands still has it in its socket, as long as there is room."""
        if not self.alive:
            return
        if self.stopped:
            if len(self._socket) < SOCKET_BUFFER:
                self._socket.append(what)
            return
        self._do(what())

    def beat(self, name: str, network: int) -> None:
        host, world = self._world.hosts[name], self._world
        boot_id, incarnation, real_time, episode = host.boot_id, host.incarnation, host.real_time, host.episode

        def heard() -> Outputs:
            now = world.clock.now
            return self.verdicts.heard(name, network, boot_id, incarnation, real_time, False, episode, now)

        if self.stopped:
            self.receive(heard)
        elif self.alive and (outputs := heard()):
            self._do(outputs)

    def goodbye(self, name: str, boot_id: str, reason: str, seconds: float) -> None:
        self.receive(lambda: self.verdicts.left(name, boot_id, reason, seconds, self._world.clock.now))

    def kill(self) -> None:
        self.alive = False

    def stop(self) -> None:
        self.stopped = True

    def wake(self) -> None:
        """It drains its socket, then it judges."""
        if not self.stopped:
            return
        self.stopped = False
        self.well_since = self._world.clock.now
        waiting, self._socket = self._socket, []
        for what in waiting:
            self._do(what())

    def state(self, node: str) -> NodeState:
        return self.verdicts.state(node)

    def _tick(self) -> None:
        if not self.alive:
            return
        if not self.stopped:
            self._do(self.verdicts.tick(self._world.clock.now))
        self._world.clock.later(TICK_SECONDS, self._tick)

    def _seat_beat(self) -> None:
        if not self.alive:
            return
        if not self.stopped:
            self._to_others(lambda seat: seat.verdicts.seat_heard(self.number, self.incarnation, seat._world.clock.now))
            for name, host in self._world.hosts.items():
                self._do(self.verdicts.lease(name, self._world.lease_stale(name), self._world.clock.now))
                if host.speaks and self._arrives_somehow(self.name, name):
                    host.episode = max(host.episode, self.verdicts.episode(name))
        self._world.clock.later(SEAT_BEAT_SECONDS, self._seat_beat)

    def _do(self, outputs: Outputs) -> None:
        for output in outputs:
            match output:
                case CastVote():
                    self._cast(output)
                case Probe():
                    self._probe(output.node)
                case AskPeers():
                    self._ask(output.node, output.peers)
                case Raise():
                    self.said.append((self._world.clock.now, output))
                    self._vim.raised(self.number, self.incarnation, output)
                case Clear():
                    self.said.append((self._world.clock.now, output))
                    self._vim.cleared(output)
                case StateChanged():
                    self.said.append((self._world.clock.now, output))
                    if not self._vim.quiet:
                        self._world.say(self.name, f"{output.node} {output.state.value} ({output.reason})")

    def _cast(self, cast: CastVote) -> None:
        self._sequence += 1
        vote = Vote(
            self.number,
            self.incarnation,
            self._sequence,
            cast.node,
            cast.boot_id,
            cast.opinion,
            cast.by,
            cast.dark,
            cast.episode,
        )
        self._to_others(lambda seat: seat.verdicts.voted(vote, seat._world.clock.now))

    def _to_others(self, what: "Callable[[Seat], Outputs]") -> None:
        world = self._world
        for seat in self._others:
            if seat is self or not any(world.arrives(self.name, seat.name, network) for network in NETWORKS):
                continue
            world.clock.later(TRIP_SECONDS, lambda seat=seat: seat.receive(lambda: what(seat)))  # type: ignore[misc]

    def _probe(self, node: str) -> None:
        self._world.probe(self.name, node, lambda index, method, outcome: self._result(node, index, method, outcome))

    def _ask(self, node: str, peers: tuple[str, ...]) -> None:
        for peer in peers:
            if self._world.hosts[peer].speaks and self._arrives_somehow(self.name, peer):
                self._world.probe(
                    peer,
                    node,
                    lambda index, method, outcome, peer=peer: self._peer_result(peer, node, index, method, outcome),  # type: ignore[misc]
                )

    def _peer_result(self, peer: str, node: str, index: int, method: Method, outcome: Outcome) -> None:
        if self._world.hosts[peer].speaks and self._arrives_somehow(peer, self.name):
            self._result(node, index, method, outcome, by=peer)

    def _result(self, node: str, index: int, method: Method, outcome: Outcome, by: str = "") -> None:
        self.receive(lambda: self.verdicts.probed(node, index, method, outcome, by, self._world.clock.now))

    def _arrives_somehow(self, one: str, other: str) -> bool:
        return any(self._world.arrives(one, other, network) for network in NETWORKS)
