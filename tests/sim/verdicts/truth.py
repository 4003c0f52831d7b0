"""What must hold whatever happens, judged by the truth that no seat sees (DESIGN section 6, invariants 3 and 4)."""

from collections.abc import Iterator
from itertools import combinations, product

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.mass import limit
from nfvi_ha.core.verdict.outputs import CAUSE_REBOOTED, NodeState, Raise
from nfvi_ha.core.verdict.policy import VerdictPolicy

from .nfvi import Nfvi
from .seat import Seat

SURE_SECONDS = 1.0
"""What lasted so long, the seats must have taken in."""
REPORT_SECONDS = 1.0
"""A dead host is told by then (M2)."""
WARM_SECONDS = 4.0
BEARABLE_LOSS = 0.05
"""Share of datagrams lost at random that changes no verdict: four beats in a row on two networks are 4 in 10^11."""
MASS_QUIET_SECONDS = 15.0


class BrokenError(AssertionError):
    """An invariant does not hold."""


class Truth:
    """Watches the simulated NFVI."""

    def __init__(self, nfvi: Nfvi) -> None:
        self._nfvi = nfvi
        self._world = nfvi.world
        self._since: dict[tuple[str, ...], float] = {}
        """Since when something has been so without a break: ("heard", host, incarnation) and so on."""
        self._dead: dict[str, tuple[float, str]] = {}
        """Hosts that must be told, with the time of their death and their boot."""
        nfvi.watchers.append(self.note)
        nfvi.vim.listeners.append(self.raised)
        self.note()

    # What is so, and since when

    def note(self) -> None:
        """Something happened: which facts hold now? Of a seat that was killed, none."""
        now = self._world.clock.now
        self._since = {what: self._since.get(what, now) for what in self._facts()}

    def _facts(self) -> Iterator[tuple[str, ...]]:
        seats = [seat for seat in self._nfvi.seats if seat.alive and not seat.stopped]
        for (name, host), seat in product(self._world.hosts.items(), seats):
            if self._world.linked_at_all(name, seat.name):
                if host.speaks:
                    yield "heard", name, str(seat.incarnation)
                if host.powered and not host.hung and host.listens:
                    yield "served", name, str(seat.incarnation)
        if self._world.loss <= BEARABLE_LOSS:
            yield ("bearable",)
        single = [seat for seat in seats if self._single(seat)]
        for one, other in combinations(single, 2):
            if self._world.linked_at_all(one.name, other.name):
                yield "pair", *_pair(one, other)

    def _for(self, *what: str) -> float:
        """Seconds it has been so; -1 when it is not."""
        since = self._since.get(what)
        return -1.0 if since is None else self._world.clock.now - since

    def _single(self, seat: Seat) -> bool:
        return len(self._nfvi.seats_of(seat.number)) == 1

    # Invariant 3

    def raised(self, incarnation: int, said: Raise) -> None:
        """Nothing is called failed that anybody well still hears, or that serves."""
        if said.kind not in {FaultKind.HYPERVISOR_FAILED, FaultKind.AGENT_LOST} or said.cause == CAUSE_REBOOTED:
            return
        if self._for("bearable") < WARM_SECONDS:
            return
        who = next(seat for seat in self._nfvi.seats if seat.incarnation == incarnation)
        hearing = [
            seat
            for seat in self._nfvi.seats
            if self._for("heard", said.node, str(seat.incarnation)) >= SURE_SECONDS
            and (seat is who or self._for("pair", *_pair(seat, who)) >= SURE_SECONDS + WARM_SECONDS)
        ]
        if hearing:
            names = ", ".join(seat.name for seat in hearing)
            raise BrokenError(f"{who.name} says {said.kind.value} of {said.node}, which {names} hear")
        serves = self._for("served", said.node, str(incarnation)) >= SURE_SECONDS
        if said.kind is FaultKind.HYPERVISOR_FAILED and serves and not self._world.lease_stale(said.node):
            raise BrokenError(f"{who.name} says that {said.node} failed, which accepts connections from it")

    # Every dead host is told, and a mass failure is never missed (invariant 4)

    def will_die(self, name: str) -> None:
        """To be asked directly before a host loses power or hangs: whether that must be told within a second."""
        pairs = self._pairs_on(name)
        now = self._world.clock.now
        if not pairs or self._for("bearable") < WARM_SECONDS:
            return
        boot = self._world.hosts[name].boot_id
        self._dead[name] = (now, boot)
        self._world.clock.later(REPORT_SECONDS, lambda: self._must_be_told(name, boot, now, pairs))

    def _pairs_on(self, name: str) -> list[tuple[Seat, Seat]]:
        """Any two seats that are well, reach each other and hold the host for up."""
        steady = {NodeState.UP, NodeState.NETWORK_FAULT}
        holding = [
            seat
            for seat in self._nfvi.seats
            if self._for("heard", name, str(seat.incarnation)) >= WARM_SECONDS and seat.state(name) in steady
        ]
        return [pair for pair in combinations(holding, 2) if self._for("pair", *_pair(*pair)) >= WARM_SECONDS]

    def _must_be_told(self, name: str, boot: str, died_at: float, pairs: list[tuple[Seat, Seat]]) -> None:
        host = self._world.hosts[name]
        left = [pair for pair in pairs if self._for("pair", *_pair(*pair)) >= WARM_SECONDS + REPORT_SECONDS]
        stays = (not host.powered or host.hung) and host.boot_id == boot
        if not left or not stays or self._for("bearable") < WARM_SECONDS + REPORT_SECONDS:
            return
        records = self._nfvi.vim.of(FaultKind.HYPERVISOR_FAILED, name)
        told = any(record.raised.boot_id == boot for record in records)
        # A seat that hears nobody any more doubts itself, and is no quorum with one other.
        if not told and any(all(self._hears_any(seat) for seat in pair) for pair in left):
            raise BrokenError(f"{name} died at {died_at:.3f}, and nobody had told it {REPORT_SECONDS} s later")
        if not told and not self._nfvi.vim.of(FaultKind.HYPERVISOR_UNREACHABLE, name):
            raise BrokenError(f"{name} died at {died_at:.3f} with all others, and nobody said a word")
        self._mass_must_be_told()

    def _hears_any(self, seat: Seat) -> bool:
        return any(self._for("heard", name, str(seat.incarnation)) >= REPORT_SECONDS for name in self._world.hosts)

    def _mass_must_be_told(self) -> None:
        policy, now = VerdictPolicy(), self._world.clock.now
        since = now - policy.mass_window_seconds
        down = [name for name, (at, boot) in self._dead.items() if at > since and self._is_dead(name, boot)]
        if len(down) <= limit(len(self._world.governed), policy):
            return
        roots = self._nfvi.vim.of(FaultKind.MASS_FAILURE)
        lately = any(r.cleared_at is None or r.cleared_at > now - MASS_QUIET_SECONDS for r in roots)
        told = all(self._nfvi.vim.of(FaultKind.HYPERVISOR_FAILED, name) for name in down)
        if told and not lately:
            raise BrokenError(f"{', '.join(down)} died within 10 s, and nobody calls it a mass failure")

    def _is_dead(self, name: str, boot: str) -> bool:
        host = self._world.hosts[name]
        return host.boot_id == boot and (not host.powered or host.hung)


def _pair(one: Seat, other: Seat) -> tuple[str, str]:
    first, second = sorted((one.incarnation, other.incarnation))
    return str(first), str(second)
