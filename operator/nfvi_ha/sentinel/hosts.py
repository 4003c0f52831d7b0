"""What the verdicts say of hypervisors, told: their faults, and those of the VMs that are lost with them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from nfvi_ha.core.fault import Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.verdict.alarms import CLEARED_GONE
from nfvi_ha.core.verdict.outputs import Clear, Raise
from nfvi_ha.core.wire.inventory import VmEntry as LocalVm
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.entries import VmEntry
from nfvi_ha.sentinel.lives import Lives
from nfvi_ha.sentinel.local_faults import COMPONENT_KIND, VM_KIND
from nfvi_ha.sentinel.teller import Teller

HYPERVISOR_KIND: Final = "Hypervisor"
NFVI_KIND: Final = "NFVI"
NFVI_UID: Final = "nfvi"
CAUSE_HYPERVISOR_FAILED: Final = "HypervisorFailed"
INVENTORY_SECONDS: Final = 2.0
"""An inventory comes once a second; an older one proves no VM alive."""


class Hosts:
    """Tells verdicts.

    Args:
        book: all incidents.
        teller: tells.
        lives: what agents said, their VMs among it.
        vms: all VMs as the feed shows them, by uid.
        is_current: whether the feed shows them as they are in the API now, so that one it does not show is not there.
        cluster: name of this NFVI.
        clock: time.
    """

    def __init__(
        self,
        *,
        book: IncidentBook,
        teller: Teller,
        lives: Lives,
        vms: Callable[[], Mapping[str, VmEntry]],
        is_current: Callable[[], bool],
        cluster: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._book = book
        self._teller = teller
        self._lives = lives
        self._vms = vms
        self._is_current = is_current
        self._cluster = cluster
        self._clock = clock
        self._with_vms: set[tuple[str, str]] = set()
        """Nodes and boots whose VMs were told as lost."""

    def raised(self, said: Raise) -> None:
        """A fault is there: first the host's own, then those of its VMs."""
        now = self._clock.now()
        host = None
        if said.kind is not FaultKind.VM_FAILED:
            fault = Fault(
                kind=said.kind,
                resource=self._resource(said.kind, said.node, said.network, said.boot_id),
                cause=said.cause,
                message=said.message,
                severity=said.severity,
                confidence=said.confidence,
                detected_at=now,
                node=said.node,
                parent=self._mass_incident() if said.parent_mass else "",
            )
            host = self._teller.raise_fault(fault, said.episode)
        if said.with_vms and (said.node, said.boot_id) not in self._with_vms:
            self._with_vms.add((said.node, said.boot_id))
            for vm in self._lost(said, host, host.fault.detected_at if host is not None else now):
                # Counted from 0: one that was told and is over since this host failed is not told again.
                self._teller.raise_fault(vm, 0)

    def cleared(self, said: Clear) -> None:
        """A fault is over."""
        self._with_vms.discard((said.node, said.boot_id))
        self._teller.clear(self._resource(said.kind, said.node, said.network, said.boot_id), said.kind, said.message)

    def review(self, expected: Callable[[str], bool]) -> None:
        """Clear what no verdict will: faults of nodes that are gone, and VMs that turn out to have lived on.

        Args:
            expected: whether a node is in the roster, or was a moment ago; say True as long as it may be incomplete.
        """
        for incident in self._book.open_incidents():
            fault = incident.fault
            if fault.resource.kind in {HYPERVISOR_KIND, COMPONENT_KIND} and not expected(fault.node):
                self._teller.clear_incident(incident, CLEARED_GONE)
            elif fault.kind is FaultKind.VM_FAILED and self._lives_on(incident):
                self._teller.clear_incident(incident, f"the VM runs on: {fault.node} is back, and it was not restarted")

    def _resource(self, kind: FaultKind, node: str, network: str, boot_id: str) -> ResourceRef:
        if kind is FaultKind.MASS_FAILURE:
            return ResourceRef(NFVI_KIND, "", self._cluster(), NFVI_UID)
        if kind is FaultKind.HYPERVISOR_NETWORK:
            return ResourceRef(COMPONENT_KIND, "", f"{node}/network/{network}", boot_id)
        return ResourceRef(HYPERVISOR_KIND, "", node, boot_id)

    def _mass_incident(self) -> str:
        root = self._book.open_incident(self._resource(FaultKind.MASS_FAILURE, "", "", ""), FaultKind.MASS_FAILURE)
        return root.id if root is not None else ""

    def _lost(self, said: Raise, host: Incident | None, at: datetime) -> Iterable[Fault]:
        life = self._lives.get(said.node)
        told = life.vms_of(said.boot_id) if life is not None else None
        found = self._by_agent(told, said.node) if told is not None else _by_feed(self._vms(), said.node)
        for uid, vm in found:
            yield Fault(
                kind=FaultKind.VM_FAILED,
                resource=ResourceRef(VM_KIND, vm.namespace, vm.name, uid),
                cause=CAUSE_HYPERVISOR_FAILED,
                message=f"{vm.namespace}/{vm.name} was on {said.node}: {said.message}"[:1024],
                severity=Severity.CRITICAL,
                confidence=said.confidence,
                detected_at=at,
                node=said.node,
                vnf=vm.vnf,
                slot=vm.slot,
                parent=host.id if host is not None else "",
            )

    def _by_agent(self, told: Iterable[LocalVm], node: str) -> Iterable[tuple[str, LocalVm]]:
        """The VMs that an agent told last, but for those that have left its node since."""
        vms, current = self._vms(), self._is_current()
        for vm in told:
            known = vms.get(vm.uid)
            left = current and (known is None or known.node not in {"", node})
            if vm.report and not vm.going and not left:
                yield vm.uid, vm

    def _lives_on(self, incident: Incident) -> bool:
        """Whether the agent has said, after its silence and in the same boot, that the VM runs."""
        fault = incident.fault
        if fault.cause != CAUSE_HYPERVISOR_FAILED or incident.evidence:
            return False
        if any(step.name not in {STEP_RAISED, STEP_CLEARED} for step in incident.steps):
            return False  # its recovery has begun
        life = self._lives.get(fault.node)
        if life is None or life.inventory is None or life.looking_since is None or self._is_down(fault.node):
            return False
        fresh = self._clock.monotonic() - life.inventory_at <= INVENTORY_SECONDS
        return fresh and any(vm.uid == fault.resource.uid and not vm.going for vm in life.inventory)

    def _is_down(self, node: str) -> bool:
        resource = ResourceRef(HYPERVISOR_KIND, "", node, "")
        return any(not one.cleared for one in self._book.of_resource(resource))


def _by_feed(vms: Mapping[str, VmEntry], node: str) -> list[tuple[str, VmEntry]]:
    return [(uid, vm) for uid, vm in vms.items() if vm.node == node and vm.report and not vm.going]
