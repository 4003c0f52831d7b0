"""The node itself: its Node object, its Lease and virt-handler's heartbeat on it."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Self

import orjson

from nfvi_ha.api.names import ANNOTATION_ADDRESSES, KUBEVIRT_HEARTBEAT, KUBEVIRT_SCHEDULABLE
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists, KubeError, NotFound, Unavailable
from nfvi_ha.kube.resources import LEASES, NODES
from nfvi_ha.lab.objects import JsonObject, api_time, condition_of, micro_time, with_condition
from nfvi_ha.lab.timings import LabTimings, draw

log = logging.getLogger(__name__)

REGISTER_SECONDS: Final = 0.2
LEASE_NAMESPACE: Final = "kube-node-lease"
_PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A hypervisor to be: its name and what its VMs may take (Kubernetes quantities)."""

    name: str
    cpu: str = "16"
    memory: str = "64Gi"
    pods: int = 250
    zone: str = "lab-a"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The reverse of ``to_json``."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What a boot of a hypervisor has of its own."""

    address: str
    """On the management network."""
    boot_id: str
    places: Mapping[str, str] = field(default_factory=dict)
    """Where its agent listens, by network; {} without one."""
    agent_port: int = 0
    """UDP, on each of them."""

    def annotations(self) -> dict[str, str]:
        """What tells others where the agent is."""
        if not self.places:
            return {}
        place = {"addresses": dict(self.places), "port": self.agent_port}
        return {ANNOTATION_ADDRESSES: orjson.dumps(place).decode()}


def node_object(spec: NodeSpec) -> JsonObject:
    """The Node as it is first created."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": spec.name,
            "labels": {
                "kubernetes.io/hostname": spec.name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": spec.zone,
                "node-role.kubernetes.io/worker": "",
                KUBEVIRT_SCHEDULABLE: "true",
                "kubevirt.io/cpumanager": "true",
            },
        },
    }


def node_status(spec: NodeSpec, identity: NodeIdentity, now: datetime) -> JsonObject:
    """The status of a kubelet that has just come up."""
    resources = {
        "cpu": spec.cpu,
        "memory": spec.memory,
        "pods": str(spec.pods),
        "devices.kubevirt.io/kvm": "1000",
    }
    conditions: list[JsonObject] = []
    for kind in _PRESSURES:
        conditions = with_condition(conditions, {"type": kind, "status": "False", "reason": f"KubeletHasNo{kind}"}, now)
    return {
        "capacity": resources,
        "allocatable": resources,
        "conditions": ready_conditions(conditions, now),
        "addresses": [{"type": "Hostname", "address": spec.name}, {"type": "InternalIP", "address": identity.address}],
        "nodeInfo": {
            "machineID": uuid.uuid5(uuid.NAMESPACE_DNS, spec.name).hex,
            "systemUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{spec.name}.nfvi-ha-lab")),
            "bootID": identity.boot_id,
            "architecture": "amd64",
            "operatingSystem": "linux",
            "osImage": "nfvi-ha lab hypervisor",
            "kernelVersion": "lab",
            "kubeletVersion": "lab",
            "kubeProxyVersion": "lab",
            "containerRuntimeVersion": "lab://1",
        },
    }


def ready_conditions(conditions: list[JsonObject], now: datetime) -> list[JsonObject]:
    """The conditions with Ready=True and a heartbeat stamp."""
    new = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    merged = with_condition(conditions, new, now)
    stamped = []
    for item in merged:
        kept = {key: value for key, value in item.items() if key != "lastProbeTime"}
        stamped.append({**kept, "lastHeartbeatTime": api_time(now)})
    return stamped


class NodeAgent:
    """Registers the node, renews its Lease, keeps it Ready, and refreshes KubeVirt's heartbeat."""

    def __init__(
        self,
        kubelet: KubeClient,
        handler: KubeClient,
        spec: NodeSpec,
        identity: NodeIdentity,
        timings: LabTimings,
        random: Random,
    ) -> None:
        self._kubelet = kubelet
        self._handler = handler
        self._spec = spec
        self._timings = timings
        self._random = random
        self._identity = identity
        self._node_uid = ""

    async def register(self) -> None:
        """``try_register`` until it is done: a host that boots may be up before its network is, as a kubelet knows."""
        while True:
            try:
                return await self.try_register()
            except Unavailable as error:
                log.warning("not registered yet: %s", error)
                await asyncio.sleep(REGISTER_SECONDS)

    async def try_register(self) -> None:
        """Create the Node, its status and its Lease, or take over those of an earlier run.

        Raises:
            KubeError: the API server did not do it.
        """
        try:
            node = await self._kubelet.create(NODES, node_object(self._spec))
        except AlreadyExists:
            node = await self._kubelet.get(NODES, self._spec.name)
        self._node_uid = node["metadata"]["uid"]
        now = _wall()
        await self._renew_lease()
        await self._beat()
        status = node_status(self._spec, self._identity, now)
        await self._kubelet.patch(NODES, self._spec.name, {"status": status}, subresource="status")

    async def run(self) -> None:
        """For ever: Lease and readiness, and the heartbeat at its own pace."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_every(lambda: self._timings.lease_renew_seconds, self._renew, "node Lease"))
            group.create_task(
                _every(lambda: draw(self._timings.heartbeat_seconds, self._random), self._beat, "heartbeat")
            )

    async def _renew(self) -> None:
        await self._renew_lease()
        node = await self._kubelet.get(NODES, self._spec.name)
        if (condition_of(node, "Ready") or {}).get("status") != "True":
            conditions = ready_conditions((node.get("status") or {}).get("conditions") or [], _wall())
            body = {
                "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
                "status": {"conditions": conditions},
            }
            await self._kubelet.patch(NODES, self._spec.name, body, subresource="status")

    async def _renew_lease(self) -> None:
        spec = {
            "holderIdentity": self._spec.name,
            "leaseDurationSeconds": self._timings.lease_duration_seconds,
            "renewTime": micro_time(_wall()),
        }
        try:
            await self._kubelet.patch(LEASES, self._spec.name, {"spec": spec}, LEASE_NAMESPACE)
        except NotFound:
            owner = {"apiVersion": "v1", "kind": "Node", "name": self._spec.name, "uid": self._node_uid}
            body = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._spec.name, "ownerReferences": [owner]},
                "spec": spec,
            }
            await self._kubelet.create(LEASES, body, LEASE_NAMESPACE)

    async def _beat(self) -> None:
        annotations = {KUBEVIRT_HEARTBEAT: api_time(_wall()), **self._identity.annotations()}
        await self._handler.patch(NODES, self._spec.name, {"metadata": {"annotations": annotations}})


async def _every(seconds: Callable[[], float], act: Callable[[], Awaitable[None]], what: str) -> None:
    while True:
        await asyncio.sleep(seconds())
        try:
            await act()
        except KubeError as error:
            log.warning("%s not renewed: %s", what, error)


def _wall() -> datetime:
    return datetime.now(UTC)
