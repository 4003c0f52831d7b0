"""Hypervisors, seats and the networks between them, as they really are. No seat looks in here."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from nfvi_ha.core.verdict.inputs import Method, NodeFacts, Outcome
from tests.sim.clock import Clock

NETWORKS = ("mgmt", "storage")
BEAT_SECONDS = 0.1
TRIP_SECONDS = 0.001
PROBE_TIMEOUT_SECONDS = 0.15
LEASE_SECONDS = 10.0
LEASE_STALE_SECONDS = 30.0


class Agent(Enum):
    """The agent's processes."""

    ALIVE = "alive"
    STOPPED = "stopped"
    """As SIGSTOP does it."""
    GONE = "gone"


@dataclass(slots=True)
class Host:
    """A hypervisor."""

    name: str
    zone: str
    phase: float
    powered: bool = True
    hung: bool = False
    """Its kernel answers, and nothing above it."""
    agent: Agent = Agent.ALIVE
    boots: int = 1
    incarnation: int = 1
    real_time: bool = True
    episode: int = 0
    """As the seats' answers told it."""
    listens: bool = True
    """A TCP port on it is known to have been open."""
    renewed: float = 0.0
    saying_goodbye: tuple[str, float] | None = None
    goodbyes_taken: set[int] = field(default_factory=set)

    @property
    def boot_id(self) -> str:
        return f"{self.name}-boot-{self.boots}"

    @property
    def speaks(self) -> bool:
        return self.powered and not self.hung and self.agent is Agent.ALIVE

    def answer(self, method: Method) -> Outcome:
        """How it answers a probe that reaches it."""
        if not self.powered:
            return Outcome.SILENT
        if method is Method.ICMP:
            return Outcome.ANSWERED
        if method is Method.UDP:
            return Outcome.ANSWERED if self.speaks else Outcome.SILENT
        return Outcome.SILENT if self.hung else Outcome.ACCEPTED


class World:
    """Who can reach whom, and what is lost on the way."""

    def __init__(self, hosts: int, seed: int = 1) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        self.rng = random.Random(seed)
        self.hosts = {
            f"node-{n}": Host(f"node-{n}", f"zone-{n % 3}", phase=round((n * 37 % 100) / 1000, 3)) for n in range(hosts)
        }
        self.governed = set(self.hosts)
        self.cut: set[tuple[str, str]] = set()
        """(host or seat, network) without a link."""
        self.apart: set[frozenset[str]] = set()
        """Pairs that do not reach each other on any network."""
        self.loss = 0.0
        self.deaf_until: dict[str, float] = {}
        """Hosts whose datagrams are all lost until then (a burst)."""
        self.api_up = True
        self.api_frozen_at = 0.0
        self.kubelets_stuck: set[str] = set()
        self.leases: dict[str, float] = dict.fromkeys(self.hosts, 0.0)

    def say(self, who: str, what: str) -> None:
        self.log.append(f"{self.clock.now:8.3f} {who:<7} {what}")

    def roster(self) -> dict[str, NodeFacts]:
        return {
            name: NodeFacts(name, "", host.zone, NETWORKS, governed=name in self.governed)
            for name, host in self.hosts.items()
        }

    def linked(self, one: str, other: str, network: str) -> bool:
        """Whether there is a way between them."""
        cut = (one, network) in self.cut or (other, network) in self.cut
        return not cut and frozenset((one, other)) not in self.apart

    def linked_at_all(self, one: str, other: str) -> bool:
        return any(self.linked(one, other, network) for network in NETWORKS)

    def arrives(self, one: str, other: str, network: str) -> bool:
        """Whether a datagram sent now arrives."""
        if not self.linked(one, other, network) or (self.loss and self.rng.random() < self.loss):
            return False
        return self.clock.now >= max(self.deaf_until.get(one, 0.0), self.deaf_until.get(other, 0.0))

    def probe(self, prober: str, target: str, report: Callable[[int, Method, Outcome], None]) -> None:
        """Probe a host on all networks by all methods; each result is reported when it is there."""
        host = self.hosts[target]
        for index, network in enumerate(NETWORKS):
            for method in Method:
                if method is Method.TCP and not host.listens:
                    continue
                outcome = host.answer(method)
                there_and_back = self.arrives(prober, target, network) and self.arrives(target, prober, network)
                if outcome is Outcome.SILENT or not there_and_back:
                    self._later(PROBE_TIMEOUT_SECONDS, report, index, method, Outcome.SILENT)
                else:
                    self._later(2 * TRIP_SECONDS, report, index, method, outcome)

    def lease_stale(self, name: str) -> bool:
        """By what the API server shows; when it is down, nothing new comes."""
        now = self.clock.now if self.api_up else self.api_frozen_at
        return now - self.leases[name] > LEASE_STALE_SECONDS

    def renew_leases(self) -> None:
        for name, host in self.hosts.items():
            if self.api_up and host.powered and not host.hung and name not in self.kubelets_stuck:
                self.leases[name] = self.clock.now
        self.clock.later(LEASE_SECONDS, self.renew_leases)

    def _later(
        self,
        seconds: float,
        report: Callable[[int, Method, Outcome], None],
        index: int,
        method: Method,
        outcome: Outcome,
    ) -> None:
        self.clock.later(seconds, lambda: report(index, method, outcome))
