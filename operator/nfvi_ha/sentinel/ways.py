"""How nodes and seats are reached, by what the feed says and by where their beats come from."""

from collections.abc import Callable, Mapping

from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.sentinel.feed import Feed
from nfvi_ha.sentinel.lives import Lives
from nfvi_ha.sentinel.open_ports import Candidate, OpenPorts
from nfvi_ha.sentinel.prober import Reach
from nfvi_ha.sentinel.settings import SentinelSettings
from nfvi_ha.sentinel.sources import Place

UP: frozenset[NodeState] = frozenset({NodeState.UP, NodeState.NETWORK_FAULT})


class Ways:
    """Addresses and ports.

    Args:
        settings: names of networks in the order of their index, fixed places of seats.
        feed: addresses of nodes and seats.
        lives: where beats come from.
        state: what a node is held for.
    """

    def __init__(self, settings: SentinelSettings, feed: Feed, lives: Lives, state: Callable[[str], NodeState]) -> None:
        self._settings = settings
        self._networks = {name: index for index, name in enumerate(settings.addresses)}
        self._feed = feed
        self._lives = lives
        self._state = state

    def addresses(self, node: str) -> dict[int, str]:
        """A node's addresses: the feed's, and where it was heard from."""
        life, entry = self._lives.get(node), self._feed.nodes.get(node)
        heard = {network: str(place[0]) for network, place in life.places.items()} if life is not None else {}
        named = entry.addresses.items() if entry is not None else ()
        told = {self._networks[name]: address for name, address in named if name in self._networks}
        return {**heard, **told}

    def reach(self, node: str, ports: OpenPorts) -> dict[int, Reach]:
        """How to probe a node."""
        life = self._lives.get(node)
        places = life.places if life is not None else {}
        return {
            network: Reach(address, int(places[network][1]) if network in places else 0, ports.of(node, network))
            for network, address in self.addresses(node).items()
        }

    def candidates(self) -> Mapping[str, Candidate]:
        """Nodes that are Up, with what may be tried of them."""
        return {
            name: Candidate(self.addresses(name), entry.tcp_ports)
            for name, entry in self._feed.nodes.items()
            if entry.governed and entry.tcp_ports and self._state(name) in UP
        }

    def agent(self, node: str) -> tuple[int, Place] | None:
        """Where a node's agent was last heard, on its first network."""
        life = self._lives.get(node)
        return min(life.places.items()) if life is not None and life.places else None

    def seat(self, seat: int) -> dict[int, Place]:
        """Where another seat listens."""
        fixed = self._settings.seats.get(seat)
        if fixed is not None:
            return {self._networks[name]: place for name, place in fixed.items() if name in self._networks}
        entry = self._feed.seats.get(seat)
        named = entry.addresses.items() if entry is not None else ()
        port = entry.port if entry is not None else 0
        return {self._networks[name]: (address, port) for name, address in named if name in self._networks}
