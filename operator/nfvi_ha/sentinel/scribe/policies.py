"""Which HAPolicy holds where."""

from typing import Any

from nfvi_ha.core.views import NodeView

JsonObject = dict[str, Any]
PolicyView = Any


class Policies:
    """Placeholder until the kind is there: the built-in default governs every node."""

    def change(self, old: PolicyView | None, new: PolicyView | None) -> None:
        """A policy came, changed or went."""

    def governs(self, node: NodeView) -> bool:
        """Whether a policy covers the node."""
        return True

    def verdict(self) -> JsonObject:
        """The figures of verdicts."""
        return {}
