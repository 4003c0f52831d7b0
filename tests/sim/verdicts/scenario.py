"""Scenarios of detection: what happens to hypervisors, networks and seats, and what the VIM gets to hear."""

from pathlib import Path

from tests.sim.script import Script

from .nfvi import Nfvi
from .world import NETWORKS

SCENARIOS = Path(__file__).parent / "scenarios"


WARM_SECONDS = 5.0


class VerdictScenario(Script):
    """Runs commands against the simulated NFVI. It begins when everything is up and every seat is warm."""

    silent_commands = frozenset({"run", "hosts", "seed", "states", "loss", "bursts"})

    def __init__(self) -> None:
        self.nfvi = _begin(Nfvi())

    def say(self, who: str, what: str) -> None:
        self.nfvi.world.say(who, what)

    def finish(self) -> list[str]:
        return [*self.nfvi.world.log, *self.summary()]

    def summary(self) -> list[str]:
        """The state at the end: what each seat holds every host for, and what is open."""
        lines = []
        for name in self.nfvi.world.hosts:
            states = [f"{seat.name} {seat.state(name).value}" for seat in self._live()]
            if any(not text.endswith(" Up") for text in states):
                lines.append(f"-------- {name}: {', '.join(states)}")
        opened = [f"{fault.kind.value} {fault.node or 'nfvi'}" for fault in self.nfvi.vim.open()]
        lines += [f"-------- open: {text}" for text in opened]
        lines.append(f"-------- hypervisor.failed was told {self.nfvi.failures()} times")
        return [*lines, f"-------- seats had suspicions {self.nfvi.suspicions()} times"]

    # Time and the stage

    def do_run(self, seconds: str) -> None:
        """Let time pass."""
        self.nfvi.world.clock.run(float(seconds))

    def do_hosts(self, number: str, seed: str = "1") -> None:
        """How many hypervisors there are; before anything else."""
        self.nfvi = _begin(Nfvi(int(number), int(seed)))

    def do_states(self, how: str) -> None:
        """quiet: leave the seats' states out of the log."""
        self.nfvi.vim.quiet = how == "quiet"

    # Hypervisors

    def do_power_off(self, *names: str) -> None:
        """At once, without a word."""
        for name in self._names(names):
            self.nfvi.power_off(name)

    def do_boot(self, *names: str) -> None:
        """Its agent beats with another boot id from now on, whatever it was before."""
        for name in self._names(names):
            self.nfvi.boot(name)

    def do_hang(self, name: str) -> None:
        """Its kernel goes on answering, nothing above does."""
        self.nfvi.hang(name)

    def do_kill_agent(self, *names: str) -> None:
        """The agent's processes end."""
        for name in self._names(names):
            self.nfvi.kill_agent(name)

    def do_stop_agent(self, *names: str) -> None:
        """SIGSTOP."""
        for name in self._names(names):
            self.nfvi.stop_agent(name)

    def do_wake_agent(self, *names: str) -> None:
        """SIGCONT."""
        for name in self._names(names):
            self.nfvi.wake_agent(name)

    def do_start_agent(self, name: str) -> None:
        """A new agent in the same boot."""
        self.nfvi.start_agent(name)

    def do_goodbye(self, name: str, reason: str, seconds: str) -> None:
        """It says GOODBYE, and goes when two seats took it; with reason reboot the host is off 0.5 s later."""
        self.nfvi.say_goodbye(name, reason, float(seconds))

    def do_no_port(self, name: str) -> None:
        """No TCP port of it was ever seen open."""
        self.nfvi.world.hosts[name].listens = False

    def do_slow(self, name: str) -> None:
        """Its agent has no real-time scheduling."""
        self.nfvi.world.hosts[name].real_time = False

    # Networks

    def do_cut(self, who: str, network: str = "") -> None:
        """Its link to a network is lost, or to all."""
        for name in self._names((who,)):
            self.nfvi.cut(name, (network,) if network else NETWORKS)

    def do_mend(self, who: str, network: str = "") -> None:
        """Its links are there again."""
        for name in self._names((who,)):
            self.nfvi.mend(name, (network,) if network else NETWORKS)

    def do_part(self, one: str, other: str) -> None:
        """Two of them do not reach each other any more."""
        for name in self._names((other,)):
            self.nfvi.part(one, name)

    def do_loss(self, share: str) -> None:
        """Lose so much of all datagrams, at random."""
        self.nfvi.lose(float(share))

    def do_bursts(self, seconds: str, every: str) -> None:
        """From now on each host loses all its datagrams for so long, once in so many seconds on average."""
        self._burst(float(seconds), float(every))

    # Seats and the API server

    def do_kill_seat(self, number: str) -> None:
        """SIGKILL."""
        self.nfvi.kill_seat(int(number))

    def do_start_seat(self, number: str) -> None:
        """A new incarnation of it, on whatever machine."""
        self.nfvi.start_seat(int(number))

    def do_stop_seat(self, number: str) -> None:
        """SIGSTOP."""
        self.nfvi.stop_seat(int(number))

    def do_wake_seat(self, number: str) -> None:
        """SIGCONT."""
        self.nfvi.wake_seat(int(number))

    def do_release(self, by: str) -> None:
        """Somebody releases the mass failure."""
        self.nfvi.release(by)

    def do_stale_lease(self, name: str) -> None:
        """Its kubelet does not renew its Lease any more."""
        self.nfvi.world.kubelets_stuck.add(name)

    def do_fresh_lease(self, name: str) -> None:
        """It does again."""
        self.nfvi.world.kubelets_stuck.discard(name)

    def do_api_server(self, state: str) -> None:
        """up or down."""
        self.nfvi.world.api_up = state == "up"
        self.nfvi.world.api_frozen_at = self.nfvi.world.clock.now

    def _burst(self, seconds: float, every: float) -> None:
        world = self.nfvi.world
        name = world.rng.choice(sorted(world.hosts))
        world.deaf_until[name] = world.clock.now + seconds
        wait = world.rng.expovariate(len(world.hosts) / every)
        world.clock.later(wait, lambda: self._burst(seconds, every))

    def _names(self, given: tuple[str, ...]) -> list[str]:
        """``node-2``, ``seat-0``, or a range of hosts: ``node-2..5``."""
        names: list[str] = []
        for text in given:
            first, dots, last = text.partition("..")
            if dots:
                names += [f"node-{n}" for n in range(int(first.removeprefix("node-")), int(last) + 1)]
            else:
                names.append(text)
        return names

    def _live(self) -> list:  # type: ignore[type-arg]
        return sorted((seat for seat in self.nfvi.seats if seat.alive), key=lambda seat: seat.number)


def _begin(nfvi: Nfvi) -> Nfvi:
    nfvi.world.clock.run(WARM_SECONDS)
    nfvi.world.log.clear()
    return nfvi
