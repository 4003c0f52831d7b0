"""Writing ``status`` of a VNFReplicaSet: only what changed, conditions with stable transition times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nfvi_ha.api.conditions import ACCEPTED, Condition, with_condition
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.vnfreplicaset import LastFailure, LastRecovery, SlotStatus, VNFReplicaSetStatus
from nfvi_ha.core.replicaset.snapshot import SlotRecord
from nfvi_ha.core.replicaset.status import ConditionValue, Counts
from nfvi_ha.core.replicaset.template import template_hash
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import VNFREPLICASETS
from nfvi_ha.operator.gather import placement
from nfvi_ha.operator.world import SetEntry
from nfvi_ha.reporting.clock import Clock

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """The last failure and the last recovery, None to leave what stands there."""

    failure: LastFailure | None = None
    recovery: LastRecovery | None = None


class StatusWriter:
    """Writes statuses by merge patch. Remembers what it wrote last, for watches lag."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._written: dict[str, JsonObject] = {}

    async def write(
        self,
        entry: SetEntry,
        counts: Counts,
        records: Sequence[SlotRecord],
        values: Sequence[ConditionValue],
        history: History,
    ) -> None:
        """Write the status of an accepted set, if it differs from what stands there.

        Raises:
            KubeError: it could not be written.
        """
        model = entry.model
        if model is None:
            raise ValueError(f"VNFReplicaSet {entry.namespace}/{entry.name} was not accepted")
        old = model.status or VNFReplicaSetStatus()
        status = VNFReplicaSetStatus(
            observed_generation=entry.generation,
            replicas=counts.replicas,
            ready_replicas=counts.ready,
            updated_replicas=counts.updated,
            failed_replicas=counts.failed,
            recovering_replicas=counts.recovering,
            label_selector=str(model.spec.selector),
            template_hash=template_hash(model.spec.template.to_json(), placement(model)),
            slots=tuple(_slot(record) for record in records),
            last_failure=history.failure or old.last_failure,
            last_recovery=history.recovery or old.last_recovery,
            conditions=self._conditions(self._known_conditions(entry, old.conditions), values, entry.generation),
        )
        await self._patch(entry, status.to_json())

    async def write_refused(self, entry: SetEntry, problem: InvalidObject) -> None:
        """Say Accepted=False, with reason and field path; everything else in the status is left as it is."""
        message = f"{problem.field}: {problem.message}" if problem.field else problem.message
        value = ConditionValue(ACCEPTED, status=False, reason=problem.reason, message=message)
        stored = _stored_conditions(entry.status)
        merged = self._conditions(stored, (value,), entry.generation)
        status = {
            "observedGeneration": entry.generation,
            "conditions": [condition.to_json() for condition in merged],
        }
        await self._patch(entry, status)

    def _known_conditions(self, entry: SetEntry, stored: tuple[Condition, ...]) -> tuple[Condition, ...]:
        written = self._written.get(entry.uid)
        return _stored_conditions(written) if written else stored

    def _conditions(
        self, known: tuple[Condition, ...], values: Sequence[ConditionValue], generation: int
    ) -> tuple[Condition, ...]:
        for value in values:
            known = with_condition(
                known,
                value.type,
                holds=value.status,
                reason=value.reason,
                message=value.message,
                generation=generation,
                now=self._clock.now(),
            )
        return known

    async def _patch(self, entry: SetEntry, status: JsonObject) -> None:
        stands = self._written.get(entry.uid, entry.status)
        if all(stands.get(key) == value for key, value in status.items()):
            return
        try:
            await self._client.patch(
                VNFREPLICASETS, entry.name, {"status": status}, entry.namespace, subresource="status"
            )
        except NotFound:
            self._written.pop(entry.uid, None)
            return
        self._written[entry.uid] = {**stands, **status}

    def forget(self) -> None:
        """Another leader may have written since."""
        self._written.clear()


def _slot(record: SlotRecord) -> SlotStatus:
    return SlotStatus(
        index=record.index,
        vmi=record.vmi,
        uid=record.uid,
        node=record.node,
        state=record.state.value,
        reason=record.reason[:63],
        message=record.message[:1024],
        attempt=record.attempt,
        early_failures=record.early_failures,
        retry_after=record.retry_after,
    )


def _stored_conditions(status: JsonObject) -> tuple[Condition, ...]:
    known = status.get("conditions")
    conditions = []
    for item in known if isinstance(known, list) else []:
        try:
            conditions.append(Condition.model_validate(item))
        except ValueError:
            continue  # not ours; the API server checked our own against the same schema
    return tuple(conditions)
