"""Where the sentinels are, by network."""

from collections.abc import Iterable
from typing import Any

from nfvi_ha.agent.beat.port import Address
from nfvi_ha.agent.config import Network, SentinelAddress
from nfvi_ha.core.wire.nonces import SEATS


class Destinations:
    """Addresses of every seat on each of our networks."""

    def __init__(self, networks: tuple[Network, ...]) -> None:
        self._numbers = {network.name: number for number, network in enumerate(networks)}
        self.by_network: list[tuple[tuple[int, Address], ...]] = [() for _ in networks]
        """By our network's number: seat and address there."""

    @property
    def seats(self) -> frozenset[int]:
        """Seats that have an address on a network of ours."""
        return frozenset(seat for addresses in self.by_network for seat, _ in addresses)

    def use(self, sentinels: Iterable[SentinelAddress]) -> None:
        """These and no others. An empty list changes nothing: nobody to beat to is worse than an old address."""
        found: list[list[tuple[int, Address]]] = [[] for _ in self.by_network]
        for sentinel in sentinels:
            number = self._numbers.get(sentinel.network)
            if number is not None and 0 <= sentinel.seat < SEATS:
                found[number].append((sentinel.seat, (sentinel.address, sentinel.port)))
        if any(found):
            self.by_network = [tuple(sorted(addresses)) for addresses in found]


def parse_rows(rows: Any) -> list[SentinelAddress]:
    """``[[seat, network, address, port], ...]`` as in messages and in the cache file.

    Raises:
        ValueError, TypeError: it is something else.
    """
    return [SentinelAddress(int(seat), str(network), str(address), int(port)) for seat, network, address, port in rows]
