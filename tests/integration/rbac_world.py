"""Operators under the chart's ServiceAccount as test_rbac.py sees them: started, and watched by the audit log."""

import asyncio
import json
import socket
import ssl
import sys
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from nfvi_ha.cli.helm import find_helm
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import LEASES, PODS, SECRETS, SERVICEACCOUNTS, SUBJECTACCESSREVIEWS, VNFREPLICASETS
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.nfvi import Nfvi
from nfvi_ha.lab.timings import LabTimings
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver

Obj = dict[str, Any]
Right = tuple[str, str, str]
"""API group, resource with subresource, verb."""

ROOT: Final = Path(__file__).parents[2]
SYSTEM: Final = "nfvi-ha-system"
ACCOUNT: Final = "nfvi-ha-operator"
AGENT: Final = "nfvi-ha-agent"
USER: Final = f"system:serviceaccount:{SYSTEM}:{ACCOUNT}"
LEASE: Final = "nfvi-ha-operator"
TENANT: Final = "tenant"
KEY: Final = "lab-1"
APPLIED: Final = {
    "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
}  # fmt: skip
QUICK: Final = LabTimings(
    pod_start_seconds=0.1,
    boot_seconds=0.2,
    stopped_event_seconds=(0.05, 0.1),
    launcher_exit_seconds=(0.0, 0.2),
    container_status_seconds=(0.2, 0.3),
    launcher_watchdog_seconds=(5.0, 5.0),
    lease_renew_seconds=1.0,
)


@dataclass
class Installation:
    plane: ControlPlane
    client: KubeClient
    """May do everything."""
    objects: list[Obj]
    """What the chart renders."""
    nfvi: Nfvi
    receiver: Receiver
    audit_log: Path
    directory: Path
    operators: dict[str, Daemon] = field(default_factory=dict)

    def start_operator(self, name: str, kubeconfig: Path) -> None:
        directory = self.directory / name
        directory.mkdir()
        argv = [
            sys.executable, "-m", "nfvi_ha", "operator", "run", "--kubeconfig", str(kubeconfig),
            "--namespace", SYSTEM, "--identity", name, "--host", "127.0.0.1", "--port", "0",
            "--port-file", str(directory / "port"), "--replicas", "2",
            "--key-service-port", "0", "--key-service-port-file", str(directory / "keys-port"),
        ]  # fmt: skip
        log = directory / "operator.log"
        self.operators[name] = Daemon.spawn(name, argv, log=log, cwd=directory, detach=False)

    def start_agent(self, kubeconfig: Path) -> Daemon:
        """An agent of hv-1 that beats to nobody."""
        directory = self.directory / "agent"
        directory.mkdir()
        settings = {
            "node": "hv-1", "cluster": "c", "namespace": SYSTEM, "stateDir": str(directory),
            "networks": [{"name": "node", "bind": "127.0.0.1", "port": free_port()}],
            "keys": {"1": "11" * 32}, "kubeconfig": str(kubeconfig), "host": "127.0.0.1", "port": 0,
        }  # fmt: skip
        (directory / "agent.yaml").write_text(yaml.safe_dump(settings))
        argv = [sys.executable, "-m", "nfvi_ha", "agent", "run", "--config", str(directory / "agent.yaml")]
        return Daemon.spawn("agent", argv, log=directory / "agent.log", cwd=directory, detach=False)

    async def ask_for_keys(self, operator: str) -> int:
        """The key service's answer to an agent of hv-1: HTTP status."""
        spec = {
            "nodeName": "hv-1",
            "serviceAccountName": AGENT,
            "automountServiceAccountToken": False,
            "containers": [{"name": "agent", "image": "nfvi-ha"}],
        }
        name = f"agent-of-{operator}"
        pod = await self.client.create(PODS, {"metadata": {"name": name}, "spec": spec}, SYSTEM)
        bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"]}
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": ["nfvi-ha-keys"], "boundObjectRef": bound},
        }
        made = await self.client.create(SERVICEACCOUNTS, body, SYSTEM, name=AGENT, subresource="token")
        authority = (await self.client.get(SECRETS, "nfvi-ha-key-service", SYSTEM))["data"]["ca.crt"]
        trust = ssl.create_default_context(cadata=b64decode(authority).decode())
        url = f"https://localhost:{int((self.directory / operator / 'keys-port').read_text())}/v1/node-key"
        headers = {"Authorization": f"Bearer {made['status']['token']}"}
        async with aiohttp.ClientSession() as session, session.post(url, headers=headers, ssl=trust) as answer:
            return answer.status

    async def ready(self, name: str) -> bool:
        try:
            url = f"http://127.0.0.1:{int((self.directory / name / 'port').read_text())}/readyz"
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200
        except (OSError, ValueError, aiohttp.ClientError):
            return False

    async def holder(self) -> str:
        lease = await self.client.get(LEASES, LEASE, SYSTEM)
        return str(lease["spec"].get("holderIdentity") or "")

    def requests(self, user: str = USER) -> Iterator[Obj]:
        """What a ServiceAccount (the operator's) asked for so far, in the API server's words."""
        for line in self.audit_log.read_text().splitlines():
            entry = json.loads(line)
            if entry["user"]["username"] == user and "objectRef" in entry:
                yield entry

    async def stop_operators(self) -> None:
        await asyncio.gather(*(daemon.stop(grace_seconds=8.0) for daemon in self.operators.values()))

    async def may(self, user: str, verb: str, group: str, resource: str, namespace: str = "", name: str = "") -> bool:
        plural, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb, "group": group, "resource": plural, "subresource": subresource,
            "namespace": namespace, "name": name,
        }  # fmt: skip
        groups = ["system:authenticated", "system:serviceaccounts"] if user == USER else ["system:authenticated"]
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
        }
        return bool((await self.client.create(SUBJECTACCESSREVIEWS, body))["status"]["allowed"])


def rendered(plane: ControlPlane) -> list[Obj]:
    version = ".".join(str(part) for part in plane.version)
    chart = str(ROOT / "charts" / "nfvi-ha")
    text = find_helm()("template", "nfvi-ha", chart, "--namespace", SYSTEM, "--kube-version", version)
    return [obj for obj in yaml.safe_load_all(text) if obj is not None]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def right_of(entry: Obj) -> Right:
    ref = entry["objectRef"]
    resource = f"{ref['resource']}/{ref['subresource']}" if ref.get("subresource") else ref["resource"]
    return ref.get("apiGroup", ""), resource, entry["verb"]


def granted(objects: list[Obj], account: str = ACCOUNT) -> set[Right]:
    """By the roles that are bound to a ServiceAccount (the operator's)."""
    bound = {
        (obj["roleRef"]["kind"], obj["metadata"].get("namespace"), obj["roleRef"]["name"])
        for obj in objects
        if obj["kind"] in {"ClusterRoleBinding", "RoleBinding"} and obj["subjects"][0]["name"] == account
    }
    return {
        (group, resource, verb)
        for role in objects
        if (role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"]) in bound
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def told(records: Iterable[Record], type_: str, subject: str) -> bool:
    """Whether the VIM took a notification of that type about namespace/name."""
    return any(record.event["type"].endswith(type_) and record.subject.endswith(subject) for record in records)


def vnf(replicas: int) -> Obj:
    domain = {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}
    template = {"metadata": {"labels": {"app": "fw"}}, "spec": {"domain": domain}}
    return {
        "apiVersion": VNFREPLICASETS.api_version,
        "kind": VNFREPLICASETS.kind,
        "metadata": {"name": "fw"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "fw"}}, "template": template},
    }


async def until_ready(installation: Installation, namespace: str, replicas: int) -> None:
    last: Obj = {}

    async def look() -> bool:
        last.update((await installation.client.get(VNFREPLICASETS, "fw", namespace)).get("status") or {})
        return (last.get("readyReplicas"), last.get("replicas")) == (replicas, replicas)

    await eventually(look, f"{replicas} VMs ready", 60.0, lambda: str(last))


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, seconds: float, state: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; last: {state()}"
        await asyncio.sleep(0.05)
