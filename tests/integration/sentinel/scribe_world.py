"""What the scribe's tests make on the API server, and how they wait for what it makes."""

import asyncio
import contextlib
import secrets
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hot_process import HotProcess

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Conflict, NotFound
from nfvi_ha.kube.resources import (
    HYPERVISORS,
    INCIDENTS,
    LEASES,
    NAMESPACES,
    NODES,
    SECRETS,
    VIMENDPOINTS,
    VMIS,
    Resource,
)
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.reporting.record.intake import Intake
from nfvi_ha.reporting.record.seal import SECRET_NAME, SealKeys

Obj = dict[str, Any]
NODE_LEASES = "kube-node-lease"


class ScribeWorld:
    """One test's objects on the shared control plane."""

    def __init__(self, plane: ControlPlane, client: KubeClient, namespace: str, directory: Path) -> None:
        self.plane = plane
        self.client = client
        self.namespace = namespace
        self._directory = directory
        self._made: list[tuple[Resource, str, str | None]] = []

    def scribe(self, seat: int = 0, **settings: Any) -> HotProcess:
        settings = {"namespace": self.namespace, "cluster": "nfvi-1", "seat": seat, **settings}
        kubeconfig = settings.pop("kubeconfig", self.plane.kubeconfig)
        return HotProcess(self._directory / f"seat-{seat}", kubeconfig, **settings)

    async def make(self, res: Resource, obj: Obj, namespace: str | None = None) -> Obj:
        made = await self.client.create(res, obj, namespace)
        self._made.append((res, obj["metadata"]["name"], namespace))
        return made

    async def node(self, name: str = "", **metadata: Any) -> Obj:
        name = name or f"hv-{secrets.token_hex(3)}"
        made = await self.make(NODES, {"metadata": {"name": name, **metadata}})
        status = {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": "10.0.0.7"}],
            "nodeInfo": {
                "bootID": "boot-1", "architecture": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "",
                "systemUUID": "",
            },
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}},
        }  # fmt: skip
        await self.client.patch(NODES, name, {"status": status}, subresource="status")
        lease = {
            "metadata": {"name": name},
            "spec": {"holderIdentity": name, "renewTime": "2026-01-01T00:00:00.000000Z"},
        }
        await self.make(LEASES, lease, NODE_LEASES)
        return made

    async def vm(self, name: str, node: str, **metadata: Any) -> Obj:
        body = {
            "metadata": {"name": name, **metadata},
            "spec": {"domain": {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}},
        }
        made = await self.make(VMIS, body, self.namespace)
        return await self.client.patch(
            VMIS, name, {"status": {"phase": "Running", "nodeName": node}}, self.namespace
        ) | {"uid": made["metadata"]["uid"]}

    async def endpoint(self, name: str, **spec: Any) -> Obj:
        return await self.make(
            VIMENDPOINTS, {"metadata": {"name": name}, "spec": {"url": "https://vim:8443/n", **spec}}
        )

    async def incidents(self) -> list[Obj]:
        """Those on resources without a namespace are kept in ours."""
        return await self.client.list(INCIDENTS, self.namespace)

    async def believed(self, obj: Obj) -> IncidentRecord | None:
        """The record as the operator's intake judges it."""
        keys = SealKeys()
        secret = await self.client.get(SECRETS, SECRET_NAME, self.namespace)
        keys.replace({name: b64decode(value) for name, value in secret["data"].items()})
        refused: list[str] = []
        intake = Intake(
            keys,
            is_own=lambda *_: False,
            on_record=lambda _: None,
            on_gone=lambda *_: None,
            on_refused=lambda _, reason, message: refused.append(f"{reason}: {message}"),
            on_stranger=lambda _: None,
        )
        found = intake.read(obj)
        assert not refused, refused
        return found

    async def sweep(self) -> None:
        for incident in await self.incidents():
            with contextlib.suppress(NotFound, Conflict):
                patch = {"metadata": {"finalizers": None}}
                await self.client.patch(INCIDENTS, incident["metadata"]["name"], patch, self.namespace)
        for res, name, namespace in reversed(self._made):
            with contextlib.suppress(NotFound):
                await self.client.delete(res, name, namespace)
            if res is NODES:
                with contextlib.suppress(NotFound):
                    await self.client.delete(HYPERVISORS, name)
        await self.client.delete(NAMESPACES, self.namespace)


async def eventually(holds: Callable[[], Awaitable[Any]], what: str, seconds: float = 30.0) -> Any:
    """Wait until something is found; what it is."""
    deadline = time.monotonic() + seconds
    while not (found := await holds()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)
    return found
