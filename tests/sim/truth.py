"""What must hold at every moment, judged by the truth that no operator sees (DESIGN section 6)."""

from collections import Counter

from nfvi_ha.api.names import ANNOTATION_REPORT

from .cluster import Cluster
from .objects import Process, Vmi


class BrokenError(AssertionError):
    """An invariant does not hold."""


class Truth:
    """Checks after every event. ``allowed`` follows the spec upwards at once, downwards when the VMs have followed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._allowed = 0
        cluster.clock.after_each = self.check

    def check(self) -> None:
        cluster = self._cluster
        if cluster.api.set is None:
            self._allowed = 0
            return
        own = cluster.own()
        alive = [vmi for vmi in own if vmi.process is Process.ALIVE]
        self._one_writer_per_slot(alive)
        self._not_too_many(own)
        self._sequence_grows()

    def _one_writer_per_slot(self, alive: list[Vmi]) -> None:
        for slot, number in Counter(vmi.slot for vmi in alive).items():
            if number > 1:
                names = ", ".join(vmi.name for vmi in alive if vmi.slot == slot)
                raise BrokenError(f"slot {slot} has {number} VMs that can write: {names}")

    def _not_too_many(self, own: list[Vmi]) -> None:
        """VMs that were asked to go, or that somebody wiped, are not counted: nobody waits for them."""
        spec, present = self._cluster.spec, self._cluster.api.vmis
        wanted = spec.replicas + (spec.max_surge if spec.rolling else 0)
        staying = [vmi for vmi in own if vmi.uid in present and vmi.deleting is None]
        # A slot whose VM has died and nobody can know is as good as taken.
        taken = [vmi for vmi in staying if vmi.process is Process.ALIVE or not vmi.final]
        alive = [vmi for vmi in staying if vmi.process is Process.ALIVE]
        self._allowed = wanted if len(taken) <= wanted else max(self._allowed, wanted)
        if len(alive) > self._allowed:
            raise BrokenError(f"{len(alive)} VMs are alive, {self._allowed} are allowed")

    def _sequence_grows(self) -> None:
        told = self._cluster.vim.received
        if not told or not told[-1].id:
            return
        last = told[-1]
        if any(earlier.id == last.id for earlier in told[:-1]):
            return
        resource = last.incident.fault.resource
        # What a crashed operator told and never wrote down, its successor cannot count.
        for earlier in (earlier for earlier in told[:-1] if earlier.sender == last.sender):
            if earlier.incident.fault.resource.name == resource.name and earlier.sequence >= last.sequence:
                raise BrokenError(f"{last.id} (#{last.sequence}) arrived after {earlier.id} (#{earlier.sequence})")

    def failures_reported(self) -> None:
        """To be asked when all is quiet: each real failure told under exactly one id, an asked-for end never."""
        for vmi in self._cluster.api.all_vmis():
            told = self._cluster.failures_told(vmi)
            if len(told) > 1:
                raise BrokenError(f"{vmi.name} failed once, and {sorted(told)} were told")
            if vmi.failed_at is None and told and not vmi.disputed:
                raise BrokenError(f"{vmi.name} did not fail, and {sorted(told)} were told")
            silent = vmi.disputed or vmi.annotations.get(ANNOTATION_REPORT) == "false"
            if vmi.failed_at is not None and not told and not silent:
                raise BrokenError(f"{vmi.name} failed at {vmi.failed_at}, and nobody told the VIM")
