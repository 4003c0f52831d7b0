"""The chart's roles on a real API server: the operator, as its ServiceAccount, is refused nothing and granted no more.

The control plane is this module's own, because it writes an audit log and because an operator at work would meddle
with what other tests do. Two replicas run beside a simulated NFVI; the first test lets a VNF live through a failure,
the others look at what was asked of the API server meanwhile and ask it what else would be allowed.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml
from rbac_world import (
    ACCOUNT,
    AGENT,
    APPLIED,
    KEY,
    QUICK,
    ROOT,
    SYSTEM,
    TENANT,
    USER,
    Installation,
    Right,
    eventually,
    granted,
    rendered,
    right_of,
    told,
    until_ready,
    vnf,
)

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Forbidden
from nfvi_ha.kube.resources import (
    EVENTS,
    HAPOLICIES,
    INCIDENTS,
    NAMESPACES,
    PODS,
    SECRETS,
    VIMENDPOINTS,
    VMIS,
    VNFREPLICASETS,
)
from nfvi_ha.lab.controlplane import ControlPlane, flags
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.crds import kubevirt_crds
from nfvi_ha.lab.faults import Faults
from nfvi_ha.lab.hypervisor.node import NodeSpec
from nfvi_ha.lab.nfvi import Nfvi
from nfvi_ha.lab.setup import apply_objects
from nfvi_ha.lab.vim import ENDPOINT, register_endpoint
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings

AUDIT_POLICY: Final = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""
UNPROVOKED: Final = {
    ("nfvi-ha.io", "vnfreplicasets/finalizers", "update"): "asked for by an admission plugin of other platforms",
    ("nfvi-ha.io", "incidents", "get"): "after a conflict between two leaders",
    ("nfvi-ha.io", "incidents", "delete"): "when an Incident was closed for days",
    ("events.k8s.io", "events", "patch"): "when an Event repeats",
    ("", "secrets", "patch"): "before the key service's certificate ends",
}
"""Granted, and not used in the life that the VNF of these tests leads."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180, func_only=True)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def audited_plane(
    assets: Assets, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[ControlPlane, Path]]:
    """A control plane, and the file in which it notes every request."""
    directory = tmp_path_factory.mktemp("audit")
    policy, log = directory / "policy.yaml", directory / "audit.log"
    policy.write_text(AUDIT_POLICY)
    plain = flags.apiserver

    def audited(*arguments: Any, **options: Any) -> list[str]:
        return [*plain(*arguments, **options), f"--audit-policy-file={policy}", f"--audit-log-path={log}"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "apiserver", audited)
        plane = await ControlPlane.start(assets=assets)
    async with plane:
        yield plane, log


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(
    audited_plane: tuple[ControlPlane, Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """The chart's CRDs and roles, an NFVI, a VIM, and two operators that are the chart's ServiceAccount."""
    plane, log = audited_plane
    directory = tmp_path_factory.mktemp("rbac")
    objects = rendered(plane)
    async with AsyncExitStack() as stack:
        key = secrets.token_hex(32)
        receiver = Receiver(ReceiverSettings(keys={KEY: key.encode()}))
        url = await receiver.start()
        stack.push_async_callback(receiver.stop)
        client = await stack.enter_async_context(await KubeClient.connect(str(plane.kubeconfig), user_agent="test"))
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        applied = [obj for obj in objects if obj["kind"] in APPLIED]
        await asyncio.to_thread(plane.kubectl, "apply", "-f", "-", stdin=yaml.safe_dump_all(applied))
        crds = [obj for obj in applied if obj["kind"] == "CustomResourceDefinition"]
        await apply_objects(client, [*crds, *kubevirt_crds()])
        await register_endpoint(client, url, key)
        nodes = [NodeSpec(f"hv-{index}", cpu="8", memory="16Gi") for index in (1, 2)]
        nfvi = Nfvi(directory, plane.kubeconfig, nodes, QUICK, seed=1)
        stack.push_async_callback(nfvi.stop)
        await nfvi.start(client)
        made = Installation(plane, client, objects, nfvi, receiver, log, directory)
        stack.push_async_callback(made.stop_operators)
        kubeconfig = await plane.kubeconfig_for_service_account(SYSTEM, ACCOUNT)
        for name in ("operator-0", "operator-1"):
            made.start_operator(name, kubeconfig)
        for name, daemon in made.operators.items():
            await eventually(lambda name=name: made.ready(name), f"{name} ready", 40.0, daemon.log_tail)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(installation: Installation) -> str:
    """A namespace in which a VNF came up, lost a VM, got it back, saw a new leader, and was scaled in.

    Beside it a policy came, and every replica was asked for keys.
    """
    client, namespace = installation.client, f"vnf-{secrets.token_hex(4)}"
    await client.create(HAPOLICIES, {"metadata": {"name": "all"}, "spec": {}})
    for name in installation.operators:
        assert await installation.ask_for_keys(name) == 200, name
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await client.create(VNFREPLICASETS, vnf(3), namespace)
    await until_ready(installation, namespace, 3)

    vms = await client.list(VMIS, namespace)
    Faults(installation.nfvi.hosts, client).kill_vm(vms[0])
    subject = f"{namespace}/{vms[0]['metadata']['name']}"
    for type_ in ("vm.failed", "vm.recovered"):
        await installation.receiver.wait_for(lambda records, type_=type_: told(records, type_, subject), 40.0)
    await until_ready(installation, namespace, 3)

    leader = await installation.holder()
    await installation.operators[leader].stop(grace_seconds=8.0)

    async def taken_over() -> bool:
        return await installation.holder() not in {"", leader}

    await eventually(taken_over, "another leader", 20.0, lambda: leader)
    await client.patch(VNFREPLICASETS, "fw", {"spec": {"replicas": 2}}, namespace)
    await until_ready(installation, namespace, 2)

    async def scaled_in() -> bool:
        return len(await client.list(VMIS, namespace)) == 2

    await eventually(scaled_in, "two VMs left", 30.0, lambda: namespace)
    return namespace


async def test_operator_does_its_work_as_its_service_account(installation: Installation, lived: str) -> None:
    client = installation.client

    replica_set = await client.get(VNFREPLICASETS, "fw", lived)
    assert {vm["metadata"]["ownerReferences"][0]["uid"] for vm in await client.list(VMIS, lived)} == {
        replica_set["metadata"]["uid"]
    }
    endpoint = await client.get(VIMENDPOINTS, ENDPOINT)
    assert {c["type"]: c["status"] for c in endpoint["status"]["conditions"]}["Accepted"] == "True"
    incidents = await client.list(INCIDENTS, lived)
    assert [i["status"]["deliveries"][0]["state"] for i in incidents if i["spec"]["fault"]["kind"] == "vm.failed"] == [
        "Delivered"
    ]
    assert {event["reason"] for event in await client.list(EVENTS, lived)} >= {"VMFailed", "VMCreated", "FaultCleared"}
    policy = await client.get(HAPOLICIES, "all")
    assert {c["type"]: c["status"] for c in policy["status"]["conditions"]}["Accepted"] == "True"
    assert policy["status"]["nodes"] == 2
    assert await installation.holder() in installation.operators
    assert all(record.verified for record in installation.receiver.records)


async def test_operator_is_refused_nothing(installation: Installation, lived: str) -> None:
    refused = [
        (entry["verb"], entry["requestURI"])
        for entry in installation.requests()
        if entry.get("responseStatus", {}).get("code") in {401, 403}
    ]

    assert list(installation.requests()), "nothing was noted"
    assert not refused
    for name, daemon in installation.operators.items():
        said = daemon.log.read_text()
        assert "orbidden" not in said, name
        assert "Not enough permissions" not in said, name


async def test_operator_uses_everything_that_it_is_granted(installation: Installation, lived: str) -> None:
    used = {right_of(entry) for entry in installation.requests()}

    assert granted(installation.objects) - used - UNPROVOKED.keys() == set()


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace", "name"),
    [
        ("list", "", "secrets", "", ""),
        ("get", "", "secrets", "default", "anything"),
        ("list", "", "secrets", "kube-system", ""),
        ("create", "", "secrets", "default", ""),
        ("update", "", "secrets", SYSTEM, "anything"),
        ("patch", "", "secrets", SYSTEM, "anything"),
        ("delete", "", "nodes", "", "hv-1"),
        ("patch", "", "nodes", "", "hv-1"),
        ("patch", "", "nodes/status", "", "hv-1"),
        ("patch", "", "pods", "default", "anything"),
        ("delete", "", "pods", "default", "anything"),
        ("create", "", "pods/exec", "default", "anything"),
        ("create", "", "pods", SYSTEM, ""),
        ("get", "", "pods", "default", "anything"),
        ("patch", "nfvi-ha.io", "hypervisors/status", "", "hv-1"),
        ("patch", "nfvi-ha.io", "hapolicies", "", "anything"),
        ("list", "", "namespaces", "", ""),
        ("get", "", "namespaces", "", "default"),
        ("update", "kubevirt.io", "virtualmachineinstances", "default", "anything"),
        ("deletecollection", "kubevirt.io", "virtualmachineinstances", "default", ""),
        ("patch", "kubevirt.io", "virtualmachines", "default", "anything"),
        ("patch", "nfvi-ha.io", "vnfreplicasets", "default", "anything"),
        ("delete", "nfvi-ha.io", "vnfreplicasets", "default", "anything"),
        ("patch", "nfvi-ha.io", "vimendpoints", "", "anything"),
        ("create", "nfvi-ha.io", "vimendpoints", "", ""),
        ("patch", "coordination.k8s.io", "leases", "kube-node-lease", "hv-1"),
        ("list", "coordination.k8s.io", "leases", "kube-system", ""),
        ("patch", "apiextensions.k8s.io", "customresourcedefinitions", "", "incidents.nfvi-ha.io"),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings", "", ""),
        ("impersonate", "", "users", "", "admin"),
        ("create", "", "serviceaccounts/token", SYSTEM, ACCOUNT),
    ],
)
async def test_operator_may_not(
    installation: Installation, verb: str, group: str, resource: str, namespace: str, name: str
) -> None:
    assert not await installation.may(USER, verb, group, resource, namespace, name)


async def test_operator_that_tries_is_really_refused(installation: Installation) -> None:
    kubeconfig = await installation.plane.kubeconfig_for_service_account(SYSTEM, ACCOUNT)
    async with await KubeClient.connect(str(kubeconfig), user_agent="test-as-operator") as client:
        assert await client.list(SECRETS, SYSTEM), "its own are readable"
        with pytest.raises(Forbidden):
            await client.list(SECRETS, "kube-system")
        with pytest.raises(Forbidden):
            await client.delete(PODS, "anything", "default")


async def test_agent_is_refused_nothing_as_its_service_account(installation: Installation) -> None:
    user = f"system:serviceaccount:{SYSTEM}:{AGENT}"
    agent = installation.start_agent(await installation.plane.kubeconfig_for_service_account(SYSTEM, AGENT))

    def used() -> set[Right]:
        return {right_of(entry) for entry in installation.requests(user)}

    async def listed() -> bool:
        return {("kubevirt.io", "virtualmachineinstances", "list"), ("", "pods", "list")} <= used()

    async def watched() -> bool:  # noted when a watch ends
        return {("kubevirt.io", "virtualmachineinstances", "watch"), ("", "pods", "watch")} <= used()

    try:
        await eventually(listed, "the agent looks around", 40.0, agent.log_tail)
    finally:
        await agent.stop(grace_seconds=8.0)
    await eventually(watched, "the agent watched", 20.0, lambda: str(used()))
    refused = [
        (entry["verb"], entry["requestURI"])
        for entry in installation.requests(user)
        if entry.get("responseStatus", {}).get("code") in {401, 403}
    ]
    assert not refused
    assert used() <= granted(installation.objects, AGENT)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenancy(installation: Installation) -> str:
    """A namespace in which users edit-, view- and admin-tenant have the default roles, our kinds included."""
    kubectl, namespace = installation.plane.kubectl, f"tenancy-{secrets.token_hex(4)}"
    kubectl("create", "namespace", namespace)
    for role in ("view", "edit", "admin"):
        kubectl("-n", namespace, "create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}-{TENANT}")

    async def aggregated() -> bool:
        may = (
            ("view", "get", "incidents"), ("edit", "create", "vnfreplicasets"), ("admin", "create", "vnfreplicasets"),
        )  # fmt: skip
        answers = [
            await installation.may(f"{role}-{TENANT}", verb, "nfvi-ha.io", resource, namespace)
            for role, verb, resource in may
        ]
        return all(answers)

    await eventually(aggregated, "roles aggregated", 20.0, lambda: "still not")
    return namespace


READ: Final = {"get", "list", "watch"}
WRITE: Final = {"create", "update", "patch", "delete", "deletecollection"}
TENANTS_MAY: Final = {
    ("view", "vnfreplicasets"): READ,
    ("view", "vnfreplicasets/scale"): {"get"},
    ("view", "vnfreplicasets/status"): READ,
    ("view", "incidents"): READ,
    ("view", "incidents/status"): READ,
    ("view", "vimendpoints"): set(),
    ("edit", "vnfreplicasets"): READ | WRITE,
    ("edit", "vnfreplicasets/scale"): {"get", "update", "patch"},
    ("edit", "vnfreplicasets/status"): READ,
    ("edit", "incidents"): READ,
    ("edit", "incidents/status"): READ,
    ("edit", "vimendpoints"): set(),
    ("admin", "vnfreplicasets"): READ | WRITE,
    ("admin", "incidents"): READ,
    ("admin", "incidents/status"): READ,
    ("admin", "vimendpoints"): set(),
}


@pytest.mark.parametrize(("role", "resource"), TENANTS_MAY)
async def test_tenants_may_do_this_and_no_more(
    installation: Installation, tenancy: str, role: str, resource: str
) -> None:
    asked = {verb: installation.may(f"{role}-{TENANT}", verb, "nfvi-ha.io", resource, tenancy) for verb in READ | WRITE}
    allowed = {verb for verb, answer in asked.items() if await answer}

    assert allowed == TENANTS_MAY[role, resource]


async def test_tenant_who_writes_an_incident_is_really_refused(installation: Installation, tenancy: str) -> None:
    example = (ROOT / "manifests" / "examples" / "incident.yaml").read_text().replace("namespace: edge", "namespace: x")

    done = installation.plane.kubectl(
        "-n", tenancy, "create", "--as", f"edit-{TENANT}", "-f", "-", stdin=example, check=False
    )

    assert done.returncode != 0
    assert 'cannot create resource "incidents"' in done.stderr
