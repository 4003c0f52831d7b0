"""The node's keys by id, and which of them to send with.

The newest one; but a change must leave no gap, and a sentinel may learn of a key later than we do. So a new key is
tried beside the present one, once a second, and is taken when every seat that answers us at all has answered to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LIVE_SECONDS: Final = 5.0
"""A seat that answered within this time counts when a key is to be changed."""


@dataclass(slots=True)
class _Key:
    secret: bytes
    answered: dict[int, float] = field(default_factory=dict)
    """When each seat answered last to a beat with this key."""


class Keyring:
    """Keys of this node, and the cluster that they are for. While either is not known, nothing can be sent."""

    def __init__(self, cluster: bytes = b"") -> None:
        self._keys: dict[int, _Key] = {}
        self.cluster = cluster
        """As frames carry it (``frame.cluster_id``)."""
        self.current = 0
        """Id of the key to send with; meaningless while there is none."""

    def ids(self) -> tuple[int, ...]:
        """All ids, ascending."""
        return tuple(sorted(self._keys))

    def secret(self, key_id: int) -> bytes | None:
        """The key of that id; None if there is none, or no cluster yet."""
        key = self._keys.get(key_id)
        return key.secret if key and self.cluster else None

    def use(self, keys: Mapping[int, bytes]) -> None:
        """These and no others are valid. An empty set changes nothing: a mute agent is worse than an old key."""
        if not keys:
            return
        known = self._keys
        self._keys = {
            number: known[number] if number in known and known[number].secret == secret else _Key(secret)
            for number, secret in keys.items()
        }
        if self.current not in self._keys:
            self.current = max(self._keys)

    def answered(self, key_id: int, seat: int, now: float) -> None:
        """A seat answered to a beat with this key."""
        key = self._keys.get(key_id)
        if key is None:
            return
        key.answered[seat] = now
        if key_id == self.current:
            return
        live = self._live(self.current, now)
        # A newer key has to be good for all that hear us; any key is better than one that nobody answers to.
        if not live or (key_id > self.current and live <= self._live(key_id, now)):
            self.current = key_id

    def trial(self, now: float, turn: int) -> int | None:
        """The id of a key to be tried beside the present one: the newest, or any if nobody answers to the present."""
        newest = max(self._keys, default=self.current)
        if newest != self.current:
            return newest
        if len(self._keys) < 2 or self._live(self.current, now):
            return None
        others = [number for number in self.ids() if number != self.current]
        return others[turn % len(others)]

    def _live(self, key_id: int, now: float) -> set[int]:
        return {seat for seat, at in self._keys[key_id].answered.items() if at > now - LIVE_SECONDS}
