"""A VNF to make faults on: one VNFReplicaSet in a namespace of its own, and when its VMs came and became ready."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from nfvi_ha.api.names import LABEL_SLOT, LABEL_VNFRS
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import NAMESPACES, VMIS, VNFREPLICASETS
from nfvi_ha.lab.objects import JsonObject, condition_of, deleting, labels_of, name_of, namespace_of, phase_of, uid_of
from nfvi_ha.lab.watched import Watched

NAME: Final = "vnf"


@dataclass(slots=True)
class Life:
    """One VM of the set. Times are CLOCK_MONOTONIC in nanoseconds, when the watch event arrived here."""

    uid: str
    name: str
    slot: str
    seen_at: int
    ready_at: int | None = None


class Vnf:
    """Made by ``create``, removed by ``remove``; ``run`` keeps the lives current."""

    def __init__(self, client: KubeClient, namespace: str, replicas: int, *, node: str = "") -> None:
        self._client = client
        self._node = node
        self.namespace = namespace
        self.replicas = replicas
        self.lives: dict[str, Life] = {}
        self._changed = asyncio.Event()
        self._vmis = Watched(
            client, VMIS, namespace=namespace, label_selector=f"{LABEL_VNFRS}={NAME}", on_change=self._vmi_changed
        )

    async def run(self) -> None:
        """Watch the VMs, for ever."""
        await self._vmis.run()

    async def create(self, memory: str = "64Mi") -> None:
        """Make the namespace and the VNFReplicaSet.

        Raises:
            KubeError: the API server refused it.
        """
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self._client.create(NAMESPACES, namespace)
        await self._client.create(VNFREPLICASETS, replica_set(self.replicas, memory, self._node), self.namespace)

    async def remove(self, timeout_seconds: float = 60.0) -> None:
        """Scale the set to nothing, then delete it and the namespace; returns when its VMs are gone.

        Not by a foreground deletion: a new control plane's garbage collector knows the VMs' kind only after 30 s.

        Raises:
            TimeoutError: they were not in time; the message says what was there.
        """
        with suppress(NotFound):
            await self._client.patch(VNFREPLICASETS, NAME, {"spec": {"replicas": 0}}, self.namespace)
            await self.wait_until(lambda: not list(self._vmis.all()), timeout_seconds, "all VMs gone")
            await self._client.delete(VNFREPLICASETS, NAME, self.namespace)
        with suppress(NotFound):
            await self._client.delete(NAMESPACES, self.namespace)

    def ready_vmis(self) -> list[JsonObject]:
        """The VMs that are ready now, by name."""
        return sorted((vmi for vmi in self._vmis.all() if is_ready(vmi)), key=name_of)

    def current(self, uid: str) -> JsonObject | None:
        """The VMI as last seen."""
        return self._vmis.get(uid)

    def successor(self, victim: JsonObject) -> Life | None:
        """The newest VM in the victim's slot that came after it, if there is one."""
        slot, known = labels_of(victim).get(LABEL_SLOT, ""), self.lives[uid_of(victim)]
        later = [life for life in self.lives.values() if life.slot == slot and life.seen_at > known.seen_at]
        return max(later, key=lambda life: life.seen_at, default=None)

    async def wait_all_ready(self, timeout_seconds: float) -> None:
        """Until exactly the wanted number of VMs is there, all of them ready.

        Raises:
            TimeoutError: not in time; the message says what was there.
        """
        await self.wait_until(
            lambda: len(self.ready_vmis()) == len(list(self._vmis.all())) == self.replicas,
            timeout_seconds,
            f"all {self.replicas} VMs Ready",
        )

    async def wait_until(self, holds: Callable[[], bool], timeout_seconds: float, what: str) -> None:
        """Until it holds; looked at after each change of a VM.

        Raises:
            TimeoutError: not in time; the message says what was there.
        """
        deadline = time.monotonic() + timeout_seconds
        while not holds():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not within {timeout_seconds:.0f} s: {what}. There is: {self._describe()}")
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    def _vmi_changed(self, vmi: JsonObject) -> None:
        now, uid = time.monotonic_ns(), uid_of(vmi)
        life = self.lives.setdefault(uid, Life(uid, name_of(vmi), labels_of(vmi).get(LABEL_SLOT, ""), now))
        if life.ready_at is None and is_ready(vmi):
            life.ready_at = now
        self._changed.set()

    def _describe(self) -> str:
        parts = []
        for vmi in sorted(self._vmis.all(), key=name_of):
            ready = condition_of(vmi, "Ready") or {}
            parts.append(f"{name_of(vmi)} {phase_of(vmi)} Ready={ready.get('status')}/{ready.get('reason', '')}")
        return ", ".join(parts) or "no VM"


def is_ready(vmi: JsonObject) -> bool:
    """Running, Ready and not going away."""
    ready = (condition_of(vmi, "Ready") or {}).get("status") == "True"
    return ready and phase_of(vmi) == "Running" and not deleting(vmi)


def replica_set(replicas: int, memory: str, node: str = "") -> JsonObject:
    """The VNFReplicaSet of a scenario: small VMs that shut down quickly, all on one node if it is given.

    Here VMs die young on purpose, again and again: no end counts as early, or slots would soon be in back-off.
    """
    return {
        "apiVersion": VNFREPLICASETS.api_version,
        "kind": VNFREPLICASETS.kind,
        "metadata": {"name": NAME},
        "spec": {
            "replicas": replicas,
            "recovery": {"stableAfter": "0s"},
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": {"app": NAME}},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    **({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}),
                    "domain": {"devices": {}, "memory": {"guest": memory}},
                },
            },
        },
    }


def target(vmi: JsonObject) -> str:
    """namespace/name."""
    return f"{namespace_of(vmi)}/{name_of(vmi)}"
