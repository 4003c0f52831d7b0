"""Orders that come before they can be carried out: while the API server is away that may take hours.

Each says the whole of what it is about, so the newest is enough: memory is bounded by what there is to speak of.
"""

from collections.abc import Hashable

from nfvi_ha.sentinel.scribe.lines import JsonObject


class EarlyOrders:
    """The newest order about each thing."""

    def __init__(self) -> None:
        self._newest: dict[Hashable, JsonObject] = {}

    def put(self, line: JsonObject) -> None:
        """Keep it in the place of the one before, behind all others."""
        about = _about(line)
        self._newest.pop(about, None)
        self._newest[about] = line

    def take(self) -> list[JsonObject]:
        """All that are kept, the newest last; they are kept no more."""
        kept, self._newest = self._newest, {}
        return list(kept.values())


def _about(line: JsonObject) -> Hashable:
    match line:
        case {"record": {"metadata": {"name": name}}}:
            return "record", str(name)
        case {"hypervisor": {"node": node}}:
            return "hypervisor", str(node)
        case {"event": {"node": node, "reason": reason}}:
            return "event", str(node), str(reason)
        case _:
            return tuple(sorted(line))
