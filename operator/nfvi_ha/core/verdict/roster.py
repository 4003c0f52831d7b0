"""The hypervisors that are expected, and the records of them."""

from collections.abc import Mapping

from nfvi_ha.core.verdict import alarms
from nfvi_ha.core.verdict.inputs import NodeFacts
from nfvi_ha.core.verdict.node import Node
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.verdict.sitting import Sitting
from nfvi_ha.core.verdict.watch import heard_again

REASON_UNGOVERNED = "Ungoverned"


class Roster:
    """Records by name. ``watched`` are those that are judged."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.names: list[str] = []
        self.watched: list[Node] = []
        self._stale_leases = 0

    def set(self, sitting: Sitting, expected: Mapping[str, NodeFacts]) -> None:
        """Take over a roster; what is known of hosts that stay is kept."""
        for name, facts in expected.items():
            node = self.nodes.get(name)
            if node is None:
                node = self.nodes[name] = Node(name, facts, sitting.now)
                node.limits(sitting.policy)
            governed = node.governed
            node.facts, node.departed_at = facts, None
            if governed and not node.governed:
                self._let_go(sitting, node)
        for name, node in self.nodes.items():
            if name not in expected and node.departed_at is None:
                node.departed_at = sitting.now
        self._arrange()

    def drop_departed(self, sitting: Sitting) -> None:
        """Forget those that left for good. A deleted Node object is no evidence of anything: they are only let go."""
        life = sitting.policy.departed_seconds
        gone = [n for n in self.nodes.values() if n.departed_at is not None and sitting.now - n.departed_at > life]
        for node in gone:
            sitting.out += alarms.clear_all(node, alarms.CLEARED_GONE)
            del self.nodes[node.name]
        if gone:
            self._arrange()

    def lease(self, name: str, *, stale: bool) -> None:
        """Note what the feed says of its Lease."""
        node = self.nodes.get(name)
        if node is not None and node.lease_stale is not stale:
            node.lease_stale = stale
            self._count_leases()

    @property
    def leases_tell(self) -> bool:
        """Whether a stale Lease says something of its host: not if most are stale."""
        return self._stale_leases <= max(1, len(self.watched) // 2)

    def _count_leases(self) -> None:
        self._stale_leases = sum(1 for node in self.watched if node.lease_stale)

    def _let_go(self, sitting: Sitting, node: Node) -> None:
        sitting.out += alarms.clear_all(node, alarms.CLEARED_UNGOVERNED)
        node.goodbye = None
        node.dark.clear()
        if node.silent(sitting.now):
            sitting.become(node, NodeState.UNKNOWN, REASON_UNGOVERNED)
        else:
            heard_again(sitting, node, REASON_UNGOVERNED)

    def _arrange(self) -> None:
        self.names = sorted(self.nodes)
        self.watched = [node for node in self.nodes.values() if node.governed]
        self._count_leases()
