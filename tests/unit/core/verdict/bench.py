"""One seat under test: hosts that beat on two networks, and a clock that the test moves."""

import itertools
from collections.abc import Iterable
from typing import Any, TypeVar

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.inputs import Method, NodeFacts, Opinion, Outcome, Vote
from nfvi_ha.core.verdict.outputs import Clear, NodeState, Output, Outputs, Raise
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.verdicts import Verdicts

TICK = 0.02
BOOT = "boot-1"
NETWORKS = ("mgmt", "storage")
WARM_SECONDS = 4.0

Kind = TypeVar("Kind", Raise, Clear)


class SeatUnderTest:
    """Seat 0 of three. Hosts beat every 100 ms on the networks in ``beating``; the test says what others vote."""

    def __init__(self, hosts: int = 4, policy: VerdictPolicy | None = None, *, warm: bool = True) -> None:
        self.verdicts = Verdicts(0, policy or VerdictPolicy())
        self.now = 100.0
        self.said: list[Output] = []
        self.names = [f"node-{number}" for number in range(hosts)]
        self.beating: dict[str, tuple[int, ...]] = dict.fromkeys(self.names, (0, 1))
        self.boots: dict[str, str] = dict.fromkeys(self.names, BOOT)
        self.agents: dict[str, int] = dict.fromkeys(self.names, 1)
        self.voting: dict[tuple[int, str], dict[str, Any]] = {}
        """What (seat, host) votes at each beat period from now on."""
        self._sequence = itertools.count(1)
        self._steps = 0
        self.set_roster(self.names)
        if warm:
            self.run(WARM_SECONDS)
            self.said.clear()

    def set_roster(self, names: Iterable[str], **facts: Any) -> None:
        roster = {name: NodeFacts(**{"uid": name, "zone": "a", "networks": NETWORKS, **facts}) for name in names}
        self.note(self.verdicts.set_roster(roster, self.now))

    def run(self, seconds: float) -> list[Output]:
        """Let time pass; what was said meanwhile."""
        before = len(self.said)
        for _ in range(round(seconds / TICK)):
            self.now = round(self.now + TICK, 6)
            self._steps += 1
            if self._steps % 5 == 0:
                self._beats()
            self.note(self.verdicts.tick(self.now))
        return self.said[before:]

    def fall_silent(self, *names: str) -> None:
        for name in names:
            self.beating[name] = ()

    def vote(self, seat: int, node: str, opinion: Opinion, **values: Any) -> Outputs:
        given = {"incarnation": 7 + seat, "boot_id": BOOT, **values}
        vote = Vote(seat=seat, sequence=next(self._sequence), node=node, opinion=opinion, **given)
        return self.note(self.verdicts.voted(vote, self.now))

    def others_say(self, opinion: Opinion, *nodes: str, seats: tuple[int, ...] = (1, 2), **values: Any) -> None:
        """From now on those seats vote so, in each beat period."""
        for seat in seats:
            for node in nodes:
                self.voting[seat, node] = {"opinion": opinion, **values}

    def probed(self, node: str, method: Method, outcome: Outcome, by: str = "") -> Outputs:
        return self.note(self.verdicts.probed(node, 0, method, outcome, by, self.now))

    def lose(self, node: str = "node-2", **values: Any) -> None:
        """It falls silent for this seat, and seat 1 agrees."""
        self.fall_silent(node)
        self.others_say(Opinion.SILENT, node, seats=(1,), **values)

    def return_(self, *nodes: str, boot: str | None = None) -> None:
        """It beats again, for the others too."""
        for node in nodes:
            self.beating[node] = (0, 1)
            self.boots[node] = boot or self.boots[node]
            for seat in (1, 2):
                self.voting.pop((seat, node), None)

    def state(self, node: str = "node-2") -> NodeState:
        return self.verdicts.state(node)

    def raised(self, kind: FaultKind | None = None) -> list[Raise]:
        return [said for said in self.said if isinstance(said, Raise) and kind in {None, said.kind}]

    def cleared(self, kind: FaultKind | None = None) -> list[Clear]:
        return [said for said in self.said if isinstance(said, Clear) and kind in {None, said.kind}]

    def note(self, outputs: Outputs) -> Outputs:
        self.said += outputs
        return outputs

    def _beats(self) -> None:
        for name in self.names:
            for network in self.beating[name]:
                boot, agent = self.boots[name], self.agents[name]
                self.note(self.verdicts.heard(name, network, boot, agent, True, False, 0, self.now))
        for (seat, node), values in self.voting.items():
            self.vote(seat, node, **values)


def only(items: list[Kind]) -> Kind:
    assert len(items) == 1, items
    return items[0]
