"""Back-off per slot: a VM that keeps failing early must not be made anew in a hot loop."""

import hashlib
from datetime import timedelta

from nfvi_ha.api.names import LABEL_TEMPLATE_HASH
from nfvi_ha.core.replicaset.snapshot import RELEASED_STATES, SlotState, SlotView, SlotVm
from nfvi_ha.core.replicaset.spec import BackoffPolicy, ReplicaSetSpec

JITTER = 0.2


def early_failures(view: SlotView, spec: ReplicaSetSpec) -> int:
    """Early failures in a row, up to the last VM of the slot that ended.

    The record's count already holds the end of the attempt it names once its state says so; computing it again
    gives the same number, whatever was crashed between.
    """
    ended = [vm for vm in view.vms if vm.released]
    if not ended:
        # Nobody but a user takes away a failed VM that has no successor: that asks for another try.
        taken_away = view.record.state is SlotState.QUARANTINED and not view.vms
        return 0 if taken_away else view.record.early_failures
    last = ended[-1]
    overtaken = bool(view.occupants) and view.occupants[0].attempt < last.attempt
    if last.attempt < view.record.attempt or overtaken:
        # With an older VM in the slot the record cannot move on to the ended one, which would be counted for ever.
        return view.record.early_failures
    if last.attempt == view.record.attempt and view.record.state in RELEASED_STATES:
        return view.record.early_failures if _counts(last, spec) else 0
    return view.record.early_failures + 1 if _counts(last, spec) and failed_early(last, spec.backoff) else 0


def _counts(vm: SlotVm, spec: ReplicaSetSpec) -> bool:
    """A VM somebody asked to go, and one of an older template, say nothing about the next one."""
    return not vm.vm.deleting and template_hash(vm) == spec.template_hash


def failed_early(vm: SlotVm, policy: BackoffPolicy) -> bool:
    """Whether it ended before it had been Running for ``stable_seconds``."""
    times = dict(vm.vm.phase_times)
    running_at = times.get("Running")
    ended_at = times.get(vm.vm.phase) if vm.vm.final else None
    ended_at = ended_at or (vm.evidence.seen_at if vm.evidence else None)
    if running_at is None or ended_at is None:
        return True
    return ended_at - running_at < timedelta(seconds=policy.stable_seconds)


def delay_seconds(failures: int, policy: BackoffPolicy, seed: str) -> float:
    """Seconds to wait before the next attempt; 0 up to the first early failure.

    The jitter (+-20 %) comes from the seed, so that every replica and every restart computes the same delay.
    """
    if failures <= 1:
        return 0.0
    # Bounded exponent: 2.0 ** 2000 would overflow long before max_seconds is compared.
    raw = min(policy.initial_seconds * policy.factor ** min(failures - 2, 64), policy.max_seconds)
    fraction = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32
    return raw * (1 - JITTER + 2 * JITTER * fraction)


def quarantined(failures: int, policy: BackoffPolicy) -> bool:
    """Whether the slot is given up until its template changes or its failed VM is deleted by hand."""
    return 0 < policy.max_early_failures <= failures


def template_hash(vm: SlotVm) -> str:
    """The template the VM was made from, "" for one that does not say (an adopted one)."""
    return vm.vm.label(LABEL_TEMPLATE_HASH)
