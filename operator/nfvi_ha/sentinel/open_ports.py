"""Which TCP ports of a hypervisor accept while it is Up: only those can tell later that it still lives.

Learned by a connect now and then. A port that is refused is forgotten; one that is silent is not, for that is what
happens when a hypervisor dies.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.core.wire.probe import Outcome
from nfvi_ha.sentinel.tcp import try_connect

CHECK_SECONDS: Final = 30.0
"""How often each hypervisor's ports are tried."""
PAUSE_SECONDS: Final = 0.5
CONNECT_SECONDS: Final = 1.0
MAX_PORTS: Final = 4
"""Per network: enough to find one service that lives."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be tried of a node that is Up."""

    addresses: Mapping[int, str]
    """By network."""
    ports: tuple[int, ...]


@dataclass(slots=True)
class _Seen:
    checked_at: float = float("-inf")
    open: dict[int, set[int]] = field(default_factory=dict)


class OpenPorts:
    """Ports seen open, by node and network.

    Args:
        candidates: the nodes that are Up now.
        monotonic: the clock.
    """

    def __init__(self, candidates: Callable[[], Mapping[str, Candidate]], monotonic: Callable[[], float]) -> None:
        self._candidates = candidates
        self._monotonic = monotonic
        self._seen: dict[str, _Seen] = {}

    def of(self, node: str, network: int) -> tuple[int, ...]:
        """Ports that accepted when they were last tried."""
        seen = self._seen.get(node)
        return tuple(sorted(seen.open.get(network, ()))[:MAX_PORTS]) if seen is not None else ()

    async def run(self) -> None:
        """Try the nodes in turn, for ever: those that were never tried first."""
        while True:
            await asyncio.gather(*(self._check(node, candidate) for node, candidate in self._due()))
            await asyncio.sleep(PAUSE_SECONDS)

    def _due(self) -> list[tuple[str, Candidate]]:
        candidates, now = self._candidates(), self._monotonic()
        for node in self._seen.keys() - candidates.keys():
            self._seen[node].checked_at = float("-inf")  # first in line once it is back
        due = [node for node in candidates if now - self._seen.setdefault(node, _Seen()).checked_at >= CHECK_SECONDS]
        due.sort(key=lambda node: self._seen[node].checked_at)
        share = max(8, round(2 * len(candidates) * PAUSE_SECONDS / CHECK_SECONDS))
        return [(node, candidates[node]) for node in due[:share]]

    async def _check(self, node: str, candidate: Candidate) -> None:
        seen = self._seen[node]
        seen.checked_at = self._monotonic()
        tries = [
            (network, address, port) for network, address in candidate.addresses.items() for port in candidate.ports
        ]
        outcomes = await asyncio.gather(*(try_connect(address, port, CONNECT_SECONDS) for _, address, port in tries))
        for (network, _, port), outcome in zip(tries, outcomes, strict=True):
            if outcome is Outcome.ACCEPTED:
                seen.open.setdefault(network, set()).add(port)
            elif outcome is Outcome.REFUSED:
                seen.open.get(network, set()).discard(port)
