"""A storage path whose network is played by the test: probes each 50 ms, answers as the test says."""

from collections.abc import Callable, Iterable

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.links.decision import Clear, Decision, Event, Finding, Put
from nfvi_ha.core.links.failover import PathSight
from nfvi_ha.core.links.link_state import LinkState
from nfvi_ha.core.links.path import PathWatch

TARGETS = ("10.1.0.9:7946", "10.1.0.10:7946")
PERIOD = 0.05
RTT = 0.001
Answers = Callable[[str, float], bool]


def always(_target: str, _sent_at: float) -> bool:
    return True


def never(_target: str, _sent_at: float) -> bool:
    return False


def but_not(start: float, end: float) -> Answers:
    """Nobody answers what is sent in that time."""
    return lambda _target, sent_at: not start <= sent_at < end


class PathDesk:
    """Times count from the start in seconds."""

    def __init__(
        self,
        targets: Iterable[str] = TARGETS,
        members: Iterable[str] = ("eth0", "eth1"),
        active: str = "eth0",
        step: float = 0.01,
    ) -> None:
        self.watch = PathWatch("ceph", targets)
        self.members = dict.fromkeys(members, LinkState.UP)
        self.active = active
        self.now = 0.0
        self.answers: Answers = always
        self.story: list[tuple[float, Decision]] = []
        self._step = step
        self._steps = 0
        self._on_way: list[tuple[float, str, float]] = []
        self._every = round(PERIOD / step)

    def run(self, seconds: float) -> list[tuple[float, Decision]]:
        """Let time pass; returns what was decided meanwhile."""
        before = len(self.story)
        for _ in range(round(seconds / self._step)):
            self._one()
        return self.story[before:]

    def stand_still(self, seconds: float) -> None:
        """The process is stopped; the network goes on."""
        self.now += seconds
        self._steps += round(seconds / self._step)

    def open(self) -> dict[tuple[FaultKind, str], Finding]:
        """What is put and not cleared."""
        found: dict[tuple[FaultKind, str], Finding] = {}
        for _, decision in self.story:
            if isinstance(decision, Clear):
                del found[decision.kind, decision.component]
            elif isinstance(decision, Put):
                found[decision.finding.kind, decision.finding.component] = decision.finding
        return found

    def puts(self, kind: FaultKind, component: str = "path/ceph") -> list[tuple[float, Finding]]:
        return [
            (at, each.finding)
            for at, each in self.story
            if isinstance(each, Put) and (each.finding.kind, each.finding.component) == (kind, component)
        ]

    def events(self) -> list[Finding]:
        return [each.finding for _, each in self.story if isinstance(each, Event)]

    def _one(self) -> None:
        for arrival, target, sent_at in self._on_way:
            if arrival <= self.now:
                self.watch.reach.answered(target, sent_at, arrival)
        self._on_way = [each for each in self._on_way if each[0] > self.now]
        if self._steps % self._every == 0:
            for target in self.watch.reach.targets:
                self.watch.reach.sent(target, self.now)
                if self.answers(target, self.now):
                    self._on_way.append((self.now + RTT, target, self.now))
        self.watch.sees(PathSight(dict(self.members), self.active), self.now)
        self.story += [(self.now, decision) for decision in self.watch.tick(self.now)]
        self._steps += 1
        self.now = round(self.now + self._step, 6)
