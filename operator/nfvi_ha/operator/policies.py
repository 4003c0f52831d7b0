"""HAPolicies: refused or accepted, overlapping or alone, and how many nodes each governs (leader only writes)."""

import logging
from collections.abc import Callable
from typing import Any, Final

from nfvi_ha.api import conditions as words
from nfvi_ha.api.conditions import Condition, with_condition
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.hapolicy import HAPolicy, HAPolicyStatus
from nfvi_ha.core.policy import in_order, overlapped, policy_of
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.recorder import EventType
from nfvi_ha.kube.resources import HAPOLICIES
from nfvi_ha.operator import reasons
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.world import PolicyEntry, World
from nfvi_ha.reporting.clock import Clock

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

ALL: Final = "all"
"""The one key of the work: what one policy governs depends on all others."""
ConditionValue = tuple[str, bool, str, str]
"""Type, status, reason and message."""


class PolicyController:
    """Judges all policies together, and writes the statuses that differ."""

    def __init__(
        self,
        *,
        world: World,
        client: KubeClient,
        emit: Callable[[PolicyEntry, EventType, str, str], None],
        leading: Callable[[], bool],
        clock: Clock,
        metrics: OperatorMetrics,
    ) -> None:
        self._world = world
        self._client = client
        self._emit = emit
        self._leading = leading
        self._clock = clock
        self._metrics = metrics
        self._told: dict[str, str] = {}
        """What was told of each refused policy, by uid."""
        self._written: dict[str, JsonObject] = {}
        """Statuses by uid, as we wrote them last: the watch may be behind."""

    async def reconcile(self, _: str) -> None:
        """Write the status of every policy that is not as it should be.

        Raises:
            KubeError: one could not be written; ask again.
        """
        if not self._leading():
            return
        entries = list(self._world.policies.values())
        there = {entry.uid for entry in entries}
        for memory in (self._told, self._written):
            for uid in memory.keys() - there:
                memory.pop(uid)
        accepted = in_order(entry.model for entry in entries if entry.model is not None)
        nodes = [dict(node.labels) for node in self._world.nodes.values()]
        losers = overlapped(nodes, accepted)
        governed = [policy_of(labels, accepted) for labels in nodes]
        for entry in entries:
            if entry.model is None:
                await self._refuse(entry)
            else:
                count = sum(policy is entry.model for policy in governed)
                await self._write(entry, count, _conditions(entry.model, accepted, losers.get(entry.name, "")))

    def forget_written(self) -> None:
        """Leadership came or went: what we wrote last may not be what stands there now."""
        self._written.clear()

    async def _refuse(self, entry: PolicyEntry) -> None:
        problem = entry.problem or InvalidObject("", "", "")
        told = f"{problem.reason}/{problem.field}/{entry.generation}"
        if self._told.get(entry.uid) != told:
            self._told[entry.uid] = told
            self._metrics.refused("HAPolicy", problem.reason)
            self._emit(entry, reasons.WARNING, reasons.REFUSED, str(problem))
            log.warning("refused", extra={"object": entry.name, "reason": problem.reason, "detail": str(problem)})
        await self._write(entry, 0, ((words.ACCEPTED, False, problem.reason, str(problem)),))

    async def _write(self, entry: PolicyEntry, nodes: int, values: tuple[ConditionValue, ...]) -> None:
        stored = self._written.get(entry.uid, entry.status)
        before = _stored_conditions(stored)
        kept = tuple(old for old in before if any(old.type == value[0] for value in values))
        now = self._clock.now()
        for type_, holds, reason, message in values:
            kept = with_condition(
                kept, type_, holds=holds, reason=reason, message=message, generation=entry.generation, now=now
            )
        status = HAPolicyStatus(observed_generation=entry.generation, nodes=nodes, conditions=kept).to_json()
        if status == stored:
            return
        try:
            await self._client.patch(HAPOLICIES, entry.name, {"status": status}, subresource="status")
        except NotFound:
            return
        self._written[entry.uid] = status


def _conditions(policy: HAPolicy, accepted: list[HAPolicy], winner: str) -> tuple[ConditionValue, ...]:
    first = accepted[0]
    leads = first is policy
    return (
        (words.ACCEPTED, True, words.VALID, ""),
        (
            words.OVERLAPPING,
            bool(winner),
            words.LOST_TO_ANOTHER if winner else words.ALONE,
            f"HAPolicy {winner} holds on nodes that this one selects: its priority is higher, or it is older"
            if winner
            else "",
        ),
        (
            words.LEADING,
            leads,
            words.FIRST_IN_ORDER if leads else words.BEHIND_ANOTHER,
            "" if leads else f"heartbeat, stormProtection and goodbye are those of HAPolicy {first.name}",
        ),
    )


def _stored_conditions(status: JsonObject) -> tuple[Condition, ...]:
    """Those that can be read; what somebody else wrote there is not kept."""
    found = status.get("conditions")
    kept = []
    for item in found if isinstance(found, list) else ():
        try:
            kept.append(Condition.model_validate(item))
        except ValueError:
            continue
    return tuple(kept)
