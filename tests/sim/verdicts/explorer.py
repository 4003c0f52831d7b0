"""Anything may happen in any order, then quiet: histories drawn by a seed, each a list of a scenario's commands.

A plain random generator, not Hypothesis: that mixes constants of all loaded modules into what it draws, so a seed gives
another history when unrelated code changes. And a history that fails can be kept as a scenario as it is.
"""

import random
import re
from collections.abc import Callable
from typing import Final

from nfvi_ha.core.verdict.outputs import NodeState

from .nfvi import Nfvi
from .scenario import WARM_SECONDS, VerdictScenario
from .truth import BEARABLE_LOSS, BrokenError, Truth
from .world import Agent

HOSTS: Final = 6
SEATS: Final = 3
SETTLE_SECONDS: Final = 20
QUIET_SECONDS: Final = 10
LONGEST: Final = 25
"""Commands in a history."""


def draw(seed: int) -> list[str]:
    """The history of that seed."""
    rng = random.Random(seed)
    kinds, weights = zip(*KINDS, strict=True)
    number = rng.randint(5, LONGEST)
    return [f"hosts {HOSTS} {rng.randrange(4)}", *(kind(rng) for kind in rng.choices(kinds, weights, k=number))]


def broken(history: list[str]) -> str:
    """What did not hold in it; "" when all did."""
    try:
        _Detection().play(history)
    except BrokenError as error:
        return str(error)
    return ""


def shrink(history: list[str]) -> list[str]:
    """Without the commands that the same failure does not need."""
    what = _alike(broken(history))
    size = len(history) // 2
    while size:
        at, before = 1, history
        while at < len(history):
            shorter = history[:at] + history[at + size :]
            if _alike(broken(shorter)) == what:
                history = shorter
            else:
                at += size
        size = size if size == 1 and history != before else size // 2
    return history


def _alike(message: str) -> str:
    """The message without names and times."""
    return re.sub(r"\d+(\.\d+)?", "#", message)


class _Detection(VerdictScenario):
    """Plays a history, with the truth looking on; then all is mended, and must be well again."""

    def play(self, history: list[str]) -> None:
        _, hosts, seed = history[0].split()
        self.nfvi = Nfvi(int(hosts), int(seed))
        self._truth = Truth(self.nfvi)
        self.nfvi.world.clock.run(WARM_SECONDS)
        for command in history[1:]:
            self._one(*command.split())
        self._mend_all()
        self.nfvi.world.clock.run(SETTLE_SECONDS)
        self._bring_back()  # those that said GOODBYE went only when it was taken: some went meanwhile
        self.nfvi.world.clock.run(SETTLE_SECONDS)
        self._all_is_well()

    def _one(self, command: str, *arguments: str) -> None:
        """A command, as far as it is possible now."""
        hosts = [self.nfvi.world.hosts[name] for name in self._names(arguments) if name in self.nfvi.world.hosts]
        match command:
            case "power-off" | "hang" | "kill-agent":
                arguments = tuple(host.name for host in hosts if host.powered)
            case "start-agent":
                arguments = tuple(host.name for host in hosts if host.powered and host.agent is Agent.GONE)
            case "goodbye":
                arguments = arguments if hosts[0].speaks else ()
            case "start-seat":
                arguments = arguments if len(self.nfvi.seats_of(int(arguments[0]))) < 2 else ()
        if command in {"power-off", "hang"}:
            for name in arguments:
                self._truth.will_die(name)
        if arguments:
            self.do(command, *arguments)

    def _mend_all(self) -> None:
        nfvi = self.nfvi
        nfvi.lose(0.0)
        for who in (*nfvi.world.hosts, *(f"seat-{number}" for number in range(SEATS))):
            nfvi.mend(who)
        self._bring_back()
        for number in range(SEATS):
            nfvi.wake_seat(number)
            if len(nfvi.seats_of(number)) != 1:
                nfvi.kill_seat(number)
                nfvi.start_seat(number)

    def _bring_back(self) -> None:
        for name, host in self.nfvi.world.hosts.items():
            if not host.powered or host.hung:
                self.nfvi.boot(name)
            elif not host.speaks:
                self.nfvi.start_agent(name)

    def _all_is_well(self) -> None:
        nfvi = self.nfvi
        for seat in nfvi.seats:
            for name in nfvi.world.hosts:
                if seat.state(name) is not NodeState.UP:
                    raise BrokenError(f"all is well, and {seat.name} holds {name} for {seat.state(name).value}")
        for fault in nfvi.vim.open_hosts():
            raise BrokenError(f"all is well, and {fault.kind.value} of {fault.node or 'nfvi'} is open")
        before = [len(seat.said) for seat in nfvi.seats]
        nfvi.world.clock.run(QUIET_SECONDS)
        if [len(seat.said) for seat in nfvi.seats] != before:
            raise BrokenError("all is well, and seats go on to say something")


def _node(rng: random.Random) -> str:
    return f"node-{rng.randrange(HOSTS)}"


def _seat(rng: random.Random) -> str:
    return f"seat-{rng.randrange(SEATS)}"


def _rack(rng: random.Random) -> str:
    first, number = rng.randrange(HOSTS), rng.randint(2, HOSTS - 1)
    return "power-off " + " ".join(f"node-{(first + n) % HOSTS}" for n in range(number))


def _any(rng: random.Random, *texts: str) -> str:
    return rng.choice(texts)


Kind = Callable[[random.Random], str]

KINDS: Final[tuple[tuple[Kind, int], ...]] = (
    (lambda rng: f"run {rng.randint(1, 80) / 100}", 4),
    (lambda rng: f"run {rng.randint(1, 8)}", 4),
    (lambda rng: f"{_any(rng, 'power-off', 'power-off', 'hang')} {_node(rng)}", 2),
    (lambda rng: f"boot {_node(rng)}", 2),
    (_rack, 1),
    (lambda rng: f"{_any(rng, 'kill', 'stop', 'wake', 'start')}-agent {_node(rng)}", 2),
    (lambda rng: f"goodbye {_node(rng)} {_any(rng, 'upgrade', 'reboot', 'stop')} {rng.randint(1, 8)}", 2),
    (lambda rng: f"cut {_node(rng)} {_any(rng, '', 'mgmt', 'storage')}".strip(), 2),
    (lambda rng: f"cut {_seat(rng)} {_any(rng, '', 'mgmt')}".strip(), 2),
    (lambda rng: f"part {_seat(rng)} {_node(rng)}", 2),
    (lambda rng: "part seat-{} seat-{}".format(*rng.sample(range(SEATS), 2)), 1),
    (lambda rng: f"mend {_any(rng, _node(rng), _seat(rng))}", 2),
    (lambda rng: f"{_any(rng, 'kill', 'stop', 'wake', 'start')}-seat {rng.randrange(SEATS)}", 3),
    (lambda rng: f"loss {_any(rng, '0', '0', '0.02', str(BEARABLE_LOSS), '0.4')}", 1),
)
"""What may happen, and how often."""
