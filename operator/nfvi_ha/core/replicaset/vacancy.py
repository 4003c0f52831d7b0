"""A slot without a VM that could write: fill it now, later, or not at all."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nfvi_ha.core.replicaset.actions import CreateVm
from nfvi_ha.core.replicaset.backoff import delay_seconds, early_failures, quarantined
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, SlotView
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec

REASON_QUARANTINED = "RepeatedEarlyFailures"
REASON_BACKOFF = "BackOffAfterEarlyFailure"
REASON_REPLACING = "Replacing"
REASON_FILLING = "Filling"


@dataclass(frozen=True, slots=True)
class Filling:
    """The decision on a vacant slot: its record, the creation if it may be now, else when to look again."""

    record: SlotRecord
    create: CreateVm | None = None
    wake_after_seconds: float | None = None


def fill(view: SlotView, spec: ReplicaSetSpec, now: datetime) -> Filling:
    """Decide on a slot that has no occupant and did not lose one from sight."""
    failures = early_failures(view, spec)
    ended = view.latest
    base = _base_record(view, failures)
    if quarantined(failures, spec.backoff):
        message = f"{failures} VMs in a row ended early; change the template, or delete the failed VM to try again"
        return Filling(replace(base, state=SlotState.QUARANTINED, reason=REASON_QUARANTINED, message=message))
    retry_at = _retry_at(view, spec, failures, now)
    if retry_at is not None and now < retry_at:
        message = f"{failures} VMs in a row ended early"
        record = replace(base, state=SlotState.BACKOFF, reason=REASON_BACKOFF, message=message, retry_after=retry_at)
        return Filling(record, wake_after_seconds=(retry_at - now).total_seconds())
    state = _vacant_state(view)
    if view.block is not None:
        record = replace(base, state=state, reason=view.block.reason, message=view.block.message)
        if view.block.remaining_seconds > 0:
            record = replace(record, retry_after=retry_at)
            return Filling(record, wake_after_seconds=view.block.remaining_seconds)
    else:
        record = replace(base, state=state, reason=REASON_REPLACING if ended else REASON_FILLING, message="")
    # The date stays on record until the new VM is: planned again before that, the wait must not begin anew.
    record = replace(record, retry_after=retry_at)
    return Filling(record, CreateVm(view.index, view.attempt + 1, ended.vm.uid if ended else ""))


def _vacant_state(view: SlotView) -> SlotState:
    if view.latest is not None:
        return SlotState.EMPTY if view.latest.asked_to_end else SlotState.FAILED
    return SlotState.EMPTY if view.record.state is SlotState.EMPTY else SlotState.FAILED


def _base_record(view: SlotView, failures: int) -> SlotRecord:
    ended = view.latest
    if ended is None:
        return replace(view.record, early_failures=failures, retry_after=None)
    return SlotRecord(
        view.index, ended.vm.name, ended.vm.uid, ended.vm.node, attempt=ended.attempt, early_failures=failures
    )


def _retry_at(view: SlotView, spec: ReplicaSetSpec, failures: int, now: datetime) -> datetime | None:
    if view.record.retry_after is not None and view.record.attempt == view.attempt and failures > 1:
        return view.record.retry_after
    ended = view.latest
    if ended is None:
        return None
    delay = delay_seconds(failures, spec.backoff, ended.vm.uid)
    return now + timedelta(seconds=delay) if delay else None
