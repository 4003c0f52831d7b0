"""The numbers and conditions of a VNFReplicaSet's status."""

from collections.abc import Sequence
from dataclasses import dataclass

from nfvi_ha.api import conditions as words
from nfvi_ha.core.replicaset.backoff import template_hash
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, Snapshot
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec

STARTING = frozenset({SlotState.PENDING, SlotState.STARTING, SlotState.UNREADY})
TROUBLED = (SlotState.HELD, SlotState.QUARANTINED, SlotState.BACKOFF, SlotState.FAILED, SlotState.UNREADY)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many VMs there are of each sort. ``replicas`` are those that could run (DESIGN: occupants)."""

    replicas: int
    ready: int
    updated: int
    failed: int
    """Slots that are Failed, BackOff, Quarantined or Held."""
    recovering: int
    """Slots whose lost VM has, or is about to get, a successor that is not ready yet."""


@dataclass(frozen=True, slots=True)
class ConditionValue:
    """A condition without its stamps."""

    type: str
    status: bool
    reason: str
    message: str = ""


def count(snapshot: Snapshot, records: Sequence[SlotRecord]) -> Counts:
    """Count from the same snapshot the plan was made from."""
    living = [vm for vm in snapshot.vms if not vm.released]
    lost = {vm.slot: vm.attempt for vm in snapshot.vms if vm.released and not vm.vm.deleting}
    starting = {record.index for record in records if record.state in STARTING}
    failed = {SlotState.FAILED, SlotState.BACKOFF, SlotState.QUARANTINED, SlotState.HELD}
    return Counts(
        replicas=len(living),
        ready=sum(1 for vm in living if vm.ready),
        updated=sum(1 for vm in living if template_hash(vm) == snapshot.spec.template_hash),
        failed=sum(1 for record in records if record.state in failed),
        recovering=sum(1 for record in records if record.state is SlotState.FAILED)
        + sum(1 for slot in lost if slot in starting),
    )


def conditions(
    spec: ReplicaSetSpec, counts: Counts, records: Sequence[SlotRecord], *, stalled_seconds: float
) -> tuple[ConditionValue, ...]:
    """Available, Progressing, Degraded, Paused and Accepted of an accepted spec.

    Args:
        spec: the accepted spec.
        counts: as counted from the same snapshot.
        records: the slots as planned.
        stalled_seconds: for how long none of the counts has changed.
    """
    return (
        _available(spec, counts),
        _progressing(spec, counts, records, stalled_seconds),
        _degraded(records),
        ConditionValue(words.PAUSED, spec.paused, words.PAUSED_BY_SPEC if spec.paused else words.NOT_PAUSED),
        ConditionValue(words.ACCEPTED, status=True, reason=words.VALID),
    )


def _available(spec: ReplicaSetSpec, counts: Counts) -> ConditionValue:
    needed = max(spec.replicas - spec.max_unavailable, min(spec.replicas, 1))
    enough = counts.ready >= needed
    reason = words.REPLICAS_READY if enough else words.REPLICAS_MISSING
    return ConditionValue(words.AVAILABLE, enough, reason, f"{counts.ready} of {spec.replicas} VMs are ready")


def _progressing(
    spec: ReplicaSetSpec, counts: Counts, records: Sequence[SlotRecord], stalled_seconds: float
) -> ConditionValue:
    # With OnDelete an outdated VM waits for its user, not for us.
    updated = counts.updated if spec.rolling else counts.replicas
    if counts.ready == updated == counts.replicas == spec.replicas:
        return ConditionValue(words.PROGRESSING, status=True, reason=words.STEADY)
    refused = next((record for record in records if record.reason in REFUSALS), None)
    if refused is not None:
        return ConditionValue(words.PROGRESSING, status=False, reason=refused.reason, message=refused.message)
    if stalled_seconds > spec.progress_deadline_seconds and not spec.paused:
        message = f"no progress for {int(stalled_seconds)} s"
        return ConditionValue(words.PROGRESSING, status=False, reason=words.DEADLINE_EXCEEDED, message=message)
    outdated = counts.replicas - counts.updated
    reason = (
        words.UPDATING if outdated > 0 and spec.rolling else words.RECOVERING if counts.recovering else words.SCALING
    )
    return ConditionValue(words.PROGRESSING, status=True, reason=reason)


REFUSALS = frozenset({"TemplateRefused", "CreationForbidden", "NameTaken"})
"""Reasons of a creation that the API server refused and that only a user can mend."""


_DEGRADED_REASONS = {SlotState.HELD: words.SLOTS_HELD, SlotState.QUARANTINED: words.SLOTS_QUARANTINED}


def _degraded(records: Sequence[SlotRecord]) -> ConditionValue:
    troubled = [record for state in TROUBLED for record in records if record.state is state]
    if not troubled:
        return ConditionValue(words.DEGRADED, status=False, reason=words.HEALTHY)
    worst = troubled[0]
    listed = ", ".join(f"{record.index} {record.state}" for record in troubled[:5])
    more = f" and {len(troubled) - 5} more" if len(troubled) > 5 else ""
    return ConditionValue(
        words.DEGRADED,
        status=True,
        reason=_DEGRADED_REASONS.get(worst.state, words.SLOTS_FAILED),
        message=f"slots: {listed}{more}",
    )
