"""The simulated NFVI: what may happen to its hypervisors, networks and seats."""

from collections.abc import Callable

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.outputs import NodeState, StateChanged

from .seat import Seat
from .vim import Vim
from .world import BEAT_SECONDS, NETWORKS, Agent, World

ACCEPTANCES = 2
"""A GOODBYE is repeated until so many seats took it."""
REBOOT_NOTICE_SECONDS = 0.5


class Nfvi:
    def __init__(self, hosts: int = 6, seed: int = 1, seats: int = 3) -> None:
        self.world = World(hosts, seed)
        self.vim = Vim(self.world)
        self.seats: list[Seat] = []
        self._incarnations = 100
        self.watchers: list[Callable[[], None]] = []
        """Called after whatever happens."""
        for host in self.world.hosts.values():
            self.world.clock.later(host.phase, lambda name=host.name: self._beat(name))  # type: ignore[misc]
        self.world.renew_leases()
        for number in range(seats):
            self.start_seat(number)

    # Hypervisors

    def power_off(self, name: str) -> None:
        host = self.world.hosts[name]
        host.powered, host.agent, host.saying_goodbye = False, Agent.GONE, None
        self._happened()

    def boot(self, name: str) -> None:
        """It comes up with another boot id."""
        self.power_off(name)
        host = self.world.hosts[name]
        host.powered, host.hung, host.agent = True, False, Agent.ALIVE
        host.boots += 1
        host.episode = 0
        self._new_agent(name)
        self._happened()

    def hang(self, name: str) -> None:
        self.world.hosts[name].hung = True
        self._happened()

    def kill_agent(self, name: str) -> None:
        self.world.hosts[name].agent = Agent.GONE
        self._happened()

    def stop_agent(self, name: str) -> None:
        if self.world.hosts[name].agent is Agent.ALIVE:
            self.world.hosts[name].agent = Agent.STOPPED
        self._happened()

    def wake_agent(self, name: str) -> None:
        if self.world.hosts[name].agent is Agent.STOPPED:
            self.world.hosts[name].agent = Agent.ALIVE
        self._happened()

    def start_agent(self, name: str) -> None:
        if self.world.hosts[name].powered:
            self.world.hosts[name].agent = Agent.ALIVE
            self._new_agent(name)
        self._happened()

    def say_goodbye(self, name: str, reason: str, seconds: float) -> None:
        """It says so in each beat period until two seats took it, then it goes."""
        host = self.world.hosts[name]
        host.saying_goodbye, host.goodbyes_taken = (reason, seconds), set()

    # Networks

    def cut(self, who: str, networks: tuple[str, ...] = NETWORKS) -> None:
        self.world.cut |= {(who, network) for network in networks}
        self._happened()

    def mend(self, who: str, networks: tuple[str, ...] = NETWORKS) -> None:
        self.world.cut -= {(who, network) for network in networks}
        self.world.apart = {pair for pair in self.world.apart if who not in pair}
        self._happened()

    def part(self, one: str, other: str) -> None:
        self.world.apart.add(frozenset((one, other)))
        self._happened()

    def lose(self, share: float) -> None:
        """So much of all datagrams from now on, at random."""
        self.world.loss = share
        self._happened()

    # Seats

    def start_seat(self, number: int) -> Seat:
        """A new incarnation; the one that was there goes on if nobody killed it."""
        self._incarnations += 1
        seat = Seat(number, self._incarnations, self.world, self.vim, self.seats)
        self.seats.append(seat)
        self._happened()
        return seat

    def kill_seat(self, number: int) -> None:
        for seat in self.seats_of(number):
            seat.kill()
            self.seats.remove(seat)
        self._happened()

    def stop_seat(self, number: int) -> None:
        for seat in self.seats_of(number):
            seat.stop()
        self._happened()

    def wake_seat(self, number: int) -> None:
        for seat in self.seats_of(number):
            seat.wake()
        self._happened()

    def seats_of(self, number: int) -> list[Seat]:
        return [seat for seat in self.seats if seat.number == number and seat.alive]

    def release(self, by: str) -> None:
        for seat in self.seats:
            if seat.alive and not seat.stopped:
                seat._do(seat.verdicts.release_mass(by, self.world.clock.now))

    def failures(self) -> int:
        """How many hypervisors the VIM was told have failed."""
        return sum(r.raised.kind is FaultKind.HYPERVISOR_FAILED for r in self.vim.records.values())

    def suspicions(self) -> int:
        """How often a seat that still sits began to doubt a hypervisor."""
        said = [output for seat in self.seats for _, output in seat.said]
        return sum(isinstance(output, StateChanged) and output.state is NodeState.SUSPECT for output in said)

    def _new_agent(self, name: str) -> None:
        host = self.world.hosts[name]
        host.incarnation += 1
        host.saying_goodbye = None

    def _happened(self) -> None:
        for watcher in self.watchers:
            watcher()

    def _beat(self, name: str) -> None:
        world = self.world
        host = world.hosts[name]
        world.clock.later(BEAT_SECONDS, lambda: self._beat(name))
        if not host.speaks:
            return
        for seat in self.seats:
            for index, network in enumerate(NETWORKS):
                if world.arrives(name, seat.name, network):
                    seat.beat(name, index)
        if host.saying_goodbye is not None:
            self._goodbye_beat(name)

    def _goodbye_beat(self, name: str) -> None:
        host = self.world.hosts[name]
        assert host.saying_goodbye is not None
        reason, seconds = host.saying_goodbye
        if len(host.goodbyes_taken) >= ACCEPTANCES:
            host.agent = Agent.GONE
            host.saying_goodbye = None
            self._happened()
            if reason == "reboot":
                self.world.clock.later(REBOOT_NOTICE_SECONDS, lambda: self.power_off(name))
            return
        for seat in self.seats:
            if any(self.world.arrives(name, seat.name, network) for network in NETWORKS):
                seat.goodbye(name, host.boot_id, reason, seconds)
                if not seat.stopped:
                    host.goodbyes_taken.add(seat.number)
