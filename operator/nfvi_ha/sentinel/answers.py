"""What an agent is answered: our nonce, what is recorded of its events, and a permit to go on."""

from collections.abc import Callable

from nfvi_ha.core.wire.answer import Answer, encode_answer
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.sentinel.agent_faults import AgentFaults
from nfvi_ha.sentinel.audience import Due
from nfvi_ha.sentinel.permits import Permits


class Answers:
    """Makes answers; when one is due, the receiver knows.

    Args:
        seat: ours.
        nonce: drawn at our start.
        faults: knows what is recorded.
        permits: may it live.
        episode: of a node's own faults.
        cluster: its id on the wire.
        soon: has the next beat of a node answered at once.
    """

    def __init__(
        self,
        *,
        seat: int,
        nonce: int,
        faults: AgentFaults,
        permits: Permits,
        episode: Callable[[str], int],
        cluster: Callable[[], bytes],
        soon: Callable[[str], None],
    ) -> None:
        self._seat = seat
        self._nonce = nonce
        self._faults = faults
        self._permits = permits
        self._episode = episode
        self._cluster = cluster
        self._soon = soon
        self._goodbyes: dict[str, int] = {}
        """Incarnation of each node whose GOODBYE was accepted."""
        self._waiting: set[str] = set()
        """Nodes with an event that is not safe yet."""

    def make(self, due: Due) -> bytes:
        """The answer to one beat. One that proves no life gets our nonce and nothing else that is of worth."""
        node, fresh = due.beat.node, due.freshness is Freshness.FRESH
        upto, bitmap = self._faults.recorded(node, due.beat.boot_id, due.beat.incarnation) if fresh else (0, 0)
        answer = Answer(
            seat=self._seat,
            nonce=self._nonce,
            incarnation=due.incarnation,
            sequence=due.sequence,
            episode=self._episode(node),
            permit=fresh and self._permits.ask(node, due.beat.boot_id),
            recorded_upto=upto,
            recorded_bitmap=bitmap,
            goodbye_accepted=self._goodbyes.get(node) == due.beat.incarnation,
        )
        return encode_answer(answer, due.key, due.key_id, self._cluster())

    def goodbye(self, node: str, incarnation: int) -> None:
        """It was accepted; answers say so."""
        self._goodbyes[node] = incarnation

    def await_safety(self, node: str) -> None:
        """A new event of it is to be acknowledged as soon as it is safe."""
        self._waiting.add(node)

    def tick(self) -> None:
        """Have those answered whose events have become safe."""
        for node in [node for node in self._waiting if self._faults.all_safe(node)]:
            self._waiting.discard(node)
            self._soon(node)

    def forget(self, node: str) -> None:
        """The node left the roster."""
        self._goodbyes.pop(node, None)
        self._waiting.discard(node)
