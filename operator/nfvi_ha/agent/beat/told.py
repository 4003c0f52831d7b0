"""What the probes process tells us, and what of it lies in the caches from before."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nfvi_ha.agent import cache
from nfvi_ha.agent.beat.composer import Telltale
from nfvi_ha.agent.beat.destinations import Destinations, parse_rows
from nfvi_ha.agent.beat.farewell import Farewell
from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.config import KEYS_FILE, SENTINELS_FILE, AgentConfig
from nfvi_ha.core.wire.frame import cluster_id


class Told:
    """Takes messages. Whatever is malformed changes nothing: ``take`` raises and the caller counts it."""

    def __init__(
        self,
        telltale: Telltale,
        keys: Keyring,
        destinations: Destinations,
        farewell: Farewell,
        *,
        new_fault: Callable[[], None],
        new_inventory: Callable[[], None],
    ) -> None:
        self._telltale = telltale
        self._keys = keys
        self._destinations = destinations
        self._farewell = farewell
        self._new_fault = new_fault
        self._new_inventory = new_inventory

    def take(self, message: Mapping[str, Any]) -> None:
        """One message of the probes process (see ``agent.ipc``).

        Raises:
            KeyError, TypeError, ValueError: it is malformed.
        """
        match message:
            case {"faults": blob, "generation": generation}:
                faults = base64.b64decode(blob, validate=True)
                self._telltale.take_faults(faults, int(generation), spooled=bool(message.get("spooled")))
                if message.get("new"):
                    self._new_fault()
            case {"inventory": parts}:
                self._telltale.take_inventory([base64.b64decode(part, validate=True) for part in parts])
                self._new_inventory()
            case {"sentinels": rows}:
                self._destinations.use(parse_rows(rows))
            case {"keys": _, "cluster": _}:
                self._use_keys(message)
            case {"goodbye": reason, "seconds": seconds}:
                self._farewell.set(reason, int(seconds))
            case {"episode": episode}:
                self._telltale.episode = max(self._telltale.episode, int(episode))
            case {"alive": _}:
                pass
            case _:
                raise ValueError(f"no such message: {', '.join(message)}")

    def recall(self, config: AgentConfig) -> list[str]:
        """Keys and sentinels of the configuration, else those cached; returns what was wrong with the caches."""
        if config.keys:
            self._keys.use(secrets(config.keys))
        if config.sentinels:
            self._destinations.use(config.sentinels)
        problems = []
        for wanted, name, use in (
            (not config.keys, KEYS_FILE, self._use_keys),
            (not config.sentinels, SENTINELS_FILE, lambda value: self._destinations.use(parse_rows(value))),
        ):
            if wanted:
                problems += _use_cache(config.state_dir / name, use)
        return problems

    def _use_keys(self, value: Mapping[str, Any]) -> None:
        """The keys, and the cluster they are for where the configuration left that to the key service."""
        self._keys.use(secrets(value["keys"]))
        if not self._keys.cluster:
            self._keys.cluster = cluster_id(str(value["cluster"]))


def secrets(keys: Mapping[Any, str]) -> dict[int, bytes]:
    """Keys by id from their hex.

    Raises:
        ValueError: it is something else.
    """
    return {int(number): bytes.fromhex(text) for number, text in keys.items()}


def _use_cache(path: Path, use: Callable[[Any], None]) -> list[str]:
    try:
        value = cache.read(path)
        if value is not None:
            use(value)
    except (OSError, ValueError, TypeError, KeyError) as error:
        return [f"{path}: {type(error).__name__}: {error}"]
    return []
