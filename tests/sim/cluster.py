"""The whole of it: nodes, API server, KubeVirt, the operators' Lease, the VIM, and the log of what happened."""

from dataclasses import dataclass, field

from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec

from .api import Api
from .clock import Clock
from .kubevirt import KubeVirt
from .objects import Node, Process, Vmi

LEASE_SECONDS = 3.0
RENEW_SECONDS = 10.0
UNKNOWN_SECONDS = 40.0
TOLERATION_SECONDS = 30.0
BOOT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Told:
    """A notification as the VIM received it."""

    id: str
    incident: Incident
    step: Step
    sequence: int
    sender: str


@dataclass(slots=True)
class Vim:
    """Receives everything at once and never fails: delivery has its own tests."""

    received: list[Told] = field(default_factory=list)

    def first_arrivals(self) -> list[Told]:
        seen: dict[str, Told] = {}
        for told in self.received:
            seen.setdefault(told.id, told)
        return list(seen.values())


class Cluster:
    def __init__(self, nodes: int = 3) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        self.api = Api(self.clock, self.say)
        self.nodes = {f"node-{number}": Node(f"node-{number}") for number in range(nodes)}
        self.kubevirt = KubeVirt(self.clock, self.api, self.nodes, self.say)
        self.vim = Vim()
        self.lease_holder = ""
        self.lease_renewed = 0.0
        self._renew_leases()

    def say(self, who: str, what: str) -> None:
        self.log.append(f"{self.clock.now:8.2f} {who:<9} {what}")

    # The operators' Lease

    def try_lease(self, name: str) -> bool:
        """Renew it, or take it if nobody holds it. Whether it is ours then."""
        if self.lease_holder not in {"", name} and self.clock.now - self.lease_renewed < LEASE_SECONDS:
            return False
        self.lease_holder, self.lease_renewed = name, self.clock.now
        return True

    def holds_lease(self, name: str) -> bool:
        return self.lease_holder == name and self.clock.now - self.lease_renewed < LEASE_SECONDS

    # Nodes

    def partition(self, name: str, *, power_off: bool = False) -> None:
        """A node falls silent; unless its power is off, its VMs run on."""
        node = self.nodes[name]
        if not node.connected:
            return
        node.connected, node.powered = False, not power_off
        lost_at = self.clock.now
        if power_off:
            self._lose_processes(name)
        self.clock.later(UNKNOWN_SECONDS, lambda: self._give_up(node, lost_at))

    def heal(self, name: str, *, rebooted: bool = False) -> None:
        """The node speaks again; one that was off or is rebooted only after its boot."""
        node = self.nodes[name]
        if node.connected:
            return
        if rebooted or not node.powered:
            node.powered = False
            self._lose_processes(name)
            self.clock.later(BOOT_SECONDS, lambda: self._up(node, rebooted=True))
        else:
            self._up(node, rebooted=False)

    def _lose_processes(self, name: str) -> None:
        for vmi in self.api.all_vmis():
            if vmi.node == name and vmi.process is Process.ALIVE:
                vmi.process = Process.DEAD
                vmi.failed_at = self.clock.now if vmi.deleting is None else None

    def _up(self, node: Node, *, rebooted: bool) -> None:
        if node.connected:
            return
        node.connected, node.powered, node.schedulable, node.renewed = True, True, True, self.clock.now
        self.say("node", f"{node.name} is back")
        self.kubevirt.node_back(node.name, rebooted=rebooted)

    def _give_up(self, node: Node, lost_at: float) -> None:
        if node.connected or node.renewed > lost_at:
            return
        node.schedulable = False
        self.say("node", f"{node.name} Ready=Unknown")
        self.kubevirt.nodes_unknown(node.name)
        self.clock.later(TOLERATION_SECONDS, lambda: self._evict(node))

    def _evict(self, node: Node) -> None:
        if not node.connected:
            self.say("node", f"{node.name}: its pods are deleted")
            self.kubevirt.evict(node.name)

    def _renew_leases(self) -> None:
        for node in self.nodes.values():
            if node.connected:
                node.renewed = self.clock.now
        self.clock.later(RENEW_SECONDS, self._renew_leases)

    # What tests ask

    @property
    def spec(self) -> ReplicaSetSpec:
        assert self.api.set is not None
        return self.api.set.spec

    def own(self) -> list[Vmi]:
        """The set's VMs, those that are gone from the API too."""
        stored = self.api.set
        return [vmi for vmi in self.api.all_vmis() if stored and vmi.owner_uid == stored.spec.uid]

    def ready(self) -> int:
        return sum(1 for vmi in self.own() if vmi.uid in self.api.vmis and vmi.ready and vmi.deleting is None)

    def failures_told(self, vmi: Vmi) -> set[str]:
        """Ids of the vm.failed notifications that the VIM got for a VM."""
        return {
            told.id
            for told in self.vim.received
            if told.step.number == 0
            and told.incident.fault.resource.uid == vmi.uid
            and told.incident.fault.kind.value == "vm.failed"
        }
