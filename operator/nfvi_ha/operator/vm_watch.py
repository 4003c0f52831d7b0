"""From changes of VMIs and launcher pods to faults (H2): the way that must be fast."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from nfvi_ha.api.names import KUBEVIRT_CREATED_BY, LABEL_SLOT
from nfvi_ha.core.detection import Finding, Sight, find_faults
from nfvi_ha.core.evidence import covers, find_evidence
from nfvi_ha.core.fault import Evidence, FaultKind, ResourceRef
from nfvi_ha.core.incident import STEP_CLEARED, Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.views import PodView, VmView
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError, NotFound
from nfvi_ha.kube.resources import PODS, VMIS
from nfvi_ha.kube.views import pod_view, vm_view
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.operator.world import World
from nfvi_ha.reporting.clock import Clock

log = logging.getLogger(__name__)

CONFIRM_SECONDS: Final = 0.25
"""Bound of the fresh read that a fault seen on a pod is held against; after it the fault is reported all the same."""
MESSAGE_READY: Final = "the VM is ready again"
MESSAGE_ENDED: Final = "the VM ended; see its vm.failed incident or its deletion"
MESSAGE_SUCCESSOR: Final = "a VM of the same name is ready"
MESSAGE_REMOVED: Final = "the VM was removed and nothing replaces it"
MESSAGE_LIVES_ON: Final = "the VM runs on: its hypervisor is back, and was not restarted"
SEEN_BY_US: Final = frozenset({FaultKind.VM_UNREADY, FaultKind.VM_PAUSED})
"""Faults that are over when we do not see them any more. Of others, an agent tells both ends."""
SETTLE_SECONDS: Final = 10.0
"""A sentinel may tell of a VM's end before the watch shows that there is such a VM."""
SURVIVAL_SECONDS: Final = 30.0
"""By then a kubelet that is back has told which boot it runs in, and virt-handler which VMs are left."""


class VmWatch:
    """Judges a VM each time something about it changes.

    Every replica judges and reports; only the leader clears (``leading``), for a clear's place in the incident
    depends on the actions before it.
    """

    def __init__(
        self,
        *,
        world: World,
        book: IncidentBook,
        reporter: Reporter,
        client: KubeClient,
        clock: Clock,
        leading: Callable[[], bool],
        ready: Callable[[], bool],
        spawn: Callable[..., object],
    ) -> None:
        self._world = world
        self._book = book
        self._reporter = reporter
        self._client = client
        self._clock = clock
        self._leading = leading
        self._ready = ready
        self._spawn = spawn
        self._confirming: set[str] = set()
        self._proven: dict[str, Evidence] = {}

    def judge(self, vm_uid: str, seen_at: float) -> None:
        """Report what is wrong with a VM now, clear what is over.

        Until all watches are synced nothing is judged: a pod that was not listed yet is not gone.
        """
        vm = self._world.vms.get(vm_uid)
        if vm is None or not self._ready():
            return
        findings = find_faults(self.sight(vm))
        for finding in findings:
            if finding.unconfirmed and self._book.open_incident(finding.fault.resource, finding.fault.kind) is None:
                self._confirm(vm, finding, seen_at)
            else:
                self._reporter.raise_fault(finding.fault, seen_at)
        if self._leading():
            self._clear_over(vm, {finding.fault.kind for finding in findings})

    def judge_all(self) -> None:
        """Judge every VM: after the first sync, and on becoming leader."""
        for vm_uid in tuple(self._world.vms):
            self.judge(vm_uid, self._clock.monotonic())
        if self._leading():
            self.clear_gone()

    def judge_node(self, node: str, seen_at: float) -> None:
        """A node became fresh: what it said before may be evidence now."""
        for vm in self._world.vms_on(node):
            self.judge(vm.uid, seen_at)

    def clear_gone(self) -> None:
        """Clear incidents of VMs that are gone and that no VNFReplicaSet replaces (leader only)."""
        now = self._clock.now()
        for incident in self._book.open_incidents():
            resource = incident.fault.resource
            settled = now - incident.fault.detected_at >= timedelta(seconds=SETTLE_SECONDS)
            if resource.kind != "VirtualMachineInstance" or resource.uid in self._world.vms or not settled:
                continue
            if incident.fault.kind is not FaultKind.VM_FAILED:
                self._reporter.clear(incident.id, MESSAGE_ENDED)
            elif not incident.fault.vnf and not self._world.vms_named(resource.namespace, resource.name):
                self._reporter.clear(incident.id, MESSAGE_REMOVED)

    def clear_survivors(self) -> None:
        """Clear failures of VMs that were lost with their hypervisor and turn out to have lived on (leader only)."""
        now = self._clock.now()
        for incident in self._book.open_incidents():
            vm = self._world.vms.get(incident.fault.resource.uid)
            if vm is not None and incident.fault.kind is FaultKind.VM_FAILED and self._lives_on(incident, vm, now):
                self._reporter.clear(incident.id, MESSAGE_LIVES_ON)

    def learned(self, incident: Incident) -> None:
        """Somebody else saw it, or saw more of it: what the API shows of the VM may end it."""
        resource = incident.fault.resource
        if resource.kind == "VirtualMachineInstance":
            for vm in self._world.vms_named(resource.namespace, resource.name):
                self.judge(vm.uid, self._clock.monotonic())

    def clear_vm(self, vm: VmView) -> None:
        """A VM left the API: what was wrong with it, short of its failure, is over (leader only)."""
        for incident in self._book.of_resource(resource_of(vm)):
            if incident.fault.resource.uid == vm.uid and incident.fault.kind is not FaultKind.VM_FAILED:
                self._reporter.clear(incident.id, MESSAGE_ENDED)

    def is_there(self, incident: Incident) -> bool:
        """Whether an incident's fault is seen now. A VM that left the API took its failure with it, but it did fail."""
        fault = incident.fault
        vm = self._world.vms.get(fault.resource.uid)
        if vm is None:
            return fault.kind is FaultKind.VM_FAILED or fault.resource.kind != "VirtualMachineInstance"
        return any(finding.fault.kind is fault.kind for finding in find_faults(self.sight(vm)))

    def sight(self, vm: VmView) -> Sight:
        """All that is seen of a VM now."""
        entry = self._world.set_of(vm)
        slot = vm.label(LABEL_SLOT)
        return Sight(
            vm,
            self._world.pods_of(vm.uid),
            self.evidence(vm),
            self._clock.now(),
            entry.name if entry else "",
            int(slot) if entry and slot.isascii() and slot.isdigit() else None,
        )

    def evidence(self, vm: VmView) -> Evidence | None:
        """Evidence that covers the VM: what is on record, or was seen once, counts for good; the rest is judged now.

        An agent's word on record counts while the VM is shown on that agent's node and nowhere else.

        A pod that was asked to go shows its container's end and then vanishes, often within milliseconds. A VM whose
        end was asked for has no incident that would keep it.
        """
        pods = self._world.pods_of(vm.uid)
        on_record = self._book.evidence_for(resource_of(vm))
        known = next((one for one in on_record if covers(one, vm, pods)), None) or self._proven.get(vm.uid)
        if known is not None:
            return known
        fresh = self._world.freshness.fresh_nodes(self._clock.monotonic()) if _may_have_ended(vm, self._world) else ()
        found = find_evidence(vm, pods, fresh, self._clock.now())
        if found is not None and vm.uid in self._world.vms:
            self._proven[vm.uid] = found
        return found

    def forget(self, vm: VmView) -> None:
        """A VM left the API."""
        self._proven.pop(vm.uid, None)

    def _clear_over(self, vm: VmView, present: set[FaultKind]) -> None:
        for incident in self._book.of_resource(resource_of(vm)):
            kind = incident.fault.kind
            if incident.cleared:
                continue
            if incident.fault.resource.uid != vm.uid:
                if kind is FaultKind.VM_FAILED and vm.ready and vm.phase == "Running":
                    self._reporter.clear(incident.id, MESSAGE_SUCCESSOR)
            elif kind is FaultKind.VM_FAILED or kind in present:
                continue
            elif vm.final or vm.deleting:
                self._reporter.clear(incident.id, MESSAGE_ENDED)
            elif kind in SEEN_BY_US:
                self._reporter.clear(incident.id, MESSAGE_READY)

    def _lives_on(self, incident: Incident, vm: VmView, now: datetime) -> bool:
        """Whether its hypervisor's failure is over, it did not reboot, and the VM is said to be ready since.

        Without a parent, somebody saw the VM itself end: that is never taken back.
        """
        host = self._book.get(incident.fault.parent)
        node = self._world.nodes.get(vm.node)
        if host is None or node is None or incident.evidence or not vm.ready or vm.phase != "Running" or vm.deleting:
            return False
        over = next((step.at for step in host.steps if step.name == STEP_CLEARED), None)
        if over is None or now - over < timedelta(seconds=SURVIVAL_SECONDS) or vm.node != incident.fault.node:
            return False
        same_boot = bool(node.boot_id) and node.boot_id == host.fault.resource.uid
        return same_boot and vm.node in self._world.freshness.fresh_nodes(self._clock.monotonic())

    def _confirm(self, vm: VmView, finding: Finding, seen_at: float) -> None:
        if vm.uid not in self._confirming:
            self._confirming.add(vm.uid)
            self._spawn(self._hold_against_fresh_read(vm, finding, seen_at))

    async def _hold_against_fresh_read(self, vm: VmView, finding: Finding, seen_at: float) -> None:
        """Read the VMI itself, and its pods where one seems missing; too slow, and what is still seen is told."""
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                fresh = vm_view(await self._client.get(VMIS, vm.name, vm.namespace))
                pods = await self._read_pods(vm) if finding.reread_pods else None
        except NotFound:
            return
        except (KubeError, TimeoutError) as error:
            log.warning("fault not confirmed", extra={"object": f"{vm.namespace}/{vm.name}", "error": str(error)})
            self._tell_what_is_left(vm.uid, seen_at)
            return
        finally:
            self._confirming.discard(vm.uid)
        if fresh is None or fresh.uid != vm.uid:
            return
        sight = self.sight(fresh)
        if pods is not None:
            sight = replace(sight, pods=pods)
        for confirmed in find_faults(sight):
            self._reporter.raise_fault(confirmed.fault, seen_at)

    def _tell_what_is_left(self, vm_uid: str, seen_at: float) -> None:
        """Nobody confirmed it in time: it is told as it is seen *now*.

        A replica that was suspended, or whose watches began anew, sees VMs and pods of different times for a moment.
        """
        vm = self._world.vms.get(vm_uid)
        for finding in find_faults(self.sight(vm)) if vm is not None else ():
            self._reporter.raise_fault(finding.fault, seen_at)

    async def _read_pods(self, vm: VmView) -> tuple[PodView, ...]:
        selector = f"{KUBEVIRT_CREATED_BY}={vm.uid}"
        found = await self._client.list(PODS, vm.namespace, label_selector=selector)
        return tuple(pod for pod in map(pod_view, found) if pod is not None)


def resource_of(vm: VmView) -> ResourceRef:
    """The VM as the resource of a fault."""
    return ResourceRef("VirtualMachineInstance", vm.namespace, vm.name, vm.uid)


def _may_have_ended(vm: VmView, world: World) -> bool:
    """Spares most VMs the look at all nodes' freshness."""
    return vm.final or any(pod.compute_exit_code is not None for pod in world.pods_of(vm.uid))
