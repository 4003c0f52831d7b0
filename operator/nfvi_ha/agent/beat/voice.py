"""What goes out: the same datagram to every seat of a network, over every network."""

from collections import Counter

from nfvi_ha.agent.beat.composer import Composer
from nfvi_ha.agent.beat.destinations import Destinations
from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.beat.port import Port
from nfvi_ha.core.wire.beat import Flags
from nfvi_ha.core.wire.goodbye import GoodbyeReason


class Voice:
    """Speaks to all sentinels. A failed send is counted by the port and forgotten."""

    def __init__(self, composer: Composer, keys: Keyring, destinations: Destinations, ports: tuple[Port, ...]) -> None:
        self._composer = composer
        self._keys = keys
        self._destinations = destinations
        self._ports = ports
        self.counts: Counter[str] = Counter()
        """Datagrams made, by kind; each goes to several seats."""
        self._trial_turn = 0

    def beat(self, flags: Flags, lag_seconds: float, now: float) -> None:
        """One beat to everybody."""
        self._beat(flags, lag_seconds, now, self._keys.current)

    def try_key(self, flags: Flags, lag_seconds: float, now: float) -> None:
        """One more beat with a key that may be the better one, if there is such a key."""
        key_id = self._keys.trial(now, self._trial_turn)
        if key_id is not None:
            self._trial_turn += 1
            self.counts["trial"] += 1
            self._beat(flags, lag_seconds, now, key_id)

    def inventory(self) -> None:
        """All parts of the inventory to everybody."""
        parts = self._composer.inventory()
        self.counts["inventory"] += len(parts)
        for network in range(len(self._ports)):
            for part in parts:
                self._send(network, part)

    def goodbye(self, reason: GoodbyeReason, seconds: int, now: float) -> None:
        """A goodbye to everybody."""
        datagram = self._composer.goodbye(reason, seconds, now)
        if datagram is not None:
            self.counts["goodbye"] += 1
            for network in range(len(self._ports)):
                self._send(network, datagram)

    def _beat(self, flags: Flags, lag_seconds: float, now: float, key_id: int) -> None:
        datagrams = self._composer.beats(len(self._ports), flags, lag_seconds, now, key_id)
        self.counts["beat"] += bool(datagrams)
        for network, datagram in enumerate(datagrams):
            self._send(network, datagram)

    def _send(self, network: int, datagram: bytes) -> None:
        port = self._ports[network]
        for _, address in self._destinations.by_network[network]:
            port.send(datagram, address)
