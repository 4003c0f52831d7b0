"""What the key service hands out, and how it is cached and passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nfvi_ha.core.wire.keys import KEY_BYTES


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The node's keys, hex by id, and the name of the cluster they are for."""

    keys: Mapping[int, str]
    cluster: str

    def to_json(self) -> dict[str, Any]:
        """As the service says it, too."""
        return {"keys": {str(number): text for number, text in self.keys.items()}, "cluster": self.cluster}


def parse_handed_out(value: Any) -> HandedOut:
    """What ``to_json`` gave.

    Raises:
        ValueError: it is something else, or a key is not of 32 bytes.
    """
    try:
        keys = {int(number): str(text) for number, text in value["keys"].items()}
        sizes = {len(bytes.fromhex(text)) for text in keys.values()}
        cluster = str(value["cluster"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no keys in it ({type(error).__name__})") from error
    if sizes != {KEY_BYTES} or not cluster:
        raise ValueError("no keys, keys that are not of 32 bytes, or no cluster")
    return HandedOut(keys, cluster)
