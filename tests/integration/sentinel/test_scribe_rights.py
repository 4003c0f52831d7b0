"""The scribe with the rights that it lists, and no others: it is refused nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest_asyncio
from hot_process import cleared, delivered, hypervisor_fault, raised, record
from scribe_world import ScribeWorld, eventually
from test_scribe_marks import is_tainted, report

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    EVENTS,
    INCIDENTS,
    PODS,
    ROLEBINDINGS,
    ROLES,
    SERVICEACCOUNTS,
    SUBJECTACCESSREVIEWS,
)
from nfvi_ha.sentinel.scribe.access import RIGHTS, Where, rules
from nfvi_ha.sentinel.scribe.lines import FeedKind

Obj = dict[str, Any]
ACCOUNT: Final = "sentinel"
RBAC: Final = "rbac.authorization.k8s.io"


@pytest_asyncio.fixture(loop_scope="session")
async def kubeconfig(world: ScribeWorld) -> AsyncIterator[Path]:
    """Of a ServiceAccount with exactly the rights of ``access.RIGHTS``."""
    await world.client.create(SERVICEACCOUNTS, {"metadata": {"name": ACCOUNT}}, world.namespace)
    places = {
        Where.CLUSTER: None,
        Where.OWN_NAMESPACE: world.namespace,
        Where.NODE_LEASES: "kube-node-lease",
        Where.DEFAULT: "default",
        Where.KUBE_SYSTEM: "kube-system",
    }
    assert set(places) == set(Where)
    for where, namespace in places.items():
        await grant(world, f"{world.namespace}-{where.name.lower().replace('_', '-')}", where, namespace)
    for where, namespace in places.items():
        await eventually(
            lambda where=where, namespace=namespace: granted(world, where, namespace), f"rights in {where}"
        )
    yield await world.plane.kubeconfig_for_service_account(world.namespace, ACCOUNT)


async def grant(world: ScribeWorld, name: str, where: Where, namespace: str | None) -> None:
    role, binding = (CLUSTERROLES, CLUSTERROLEBINDINGS) if namespace is None else (ROLES, ROLEBINDINGS)
    await world.make(role, {"metadata": {"name": name}, "rules": rules(where)}, namespace)
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": world.namespace}
    reference = {"apiGroup": RBAC, "kind": role.kind, "name": name}
    await world.make(binding, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}, namespace)


async def granted(world: ScribeWorld, where: Where, namespace: str | None) -> bool:
    """Whether the authorizer has heard of the role."""
    (right, *_) = (right for right in RIGHTS if right.where is where)
    attributes = {"group": right.resource.group, "resource": right.resource.plural, "verb": right.verbs[0]}
    user = f"system:serviceaccount:{world.namespace}:{ACCOUNT}"
    spec = {"user": user, "resourceAttributes": {**attributes, "namespace": namespace or ""}}
    answer = await world.client.create(SUBJECTACCESSREVIEWS, {"spec": spec})
    return bool(answer["status"]["allowed"])


async def test_everything_that_it_does_is_allowed(world: ScribeWorld, kubeconfig: Path) -> None:
    labels = {"app.kubernetes.io/component": "sentinel"}
    pod = {"metadata": {"name": "s-0", "labels": labels}, "spec": {"containers": [{"name": "s", "image": "none"}]}}
    await world.make(PODS, pod, world.namespace)
    name = (await world.node())["metadata"]["name"]
    place = {"addresses": {"mgmt": "10.0.0.1"}, "port": 7946}
    async with world.scribe(kubeconfig=kubeconfig, cluster="", podName="s-0", place=place) as hot:
        await hot.until_synced()
        await hot.until(lambda: (FeedKind.SEAT, "0") in hot.told, "its own place")
        incident = raised(hypervisor_fault(name))
        await squat(world.client, incident.id, world.namespace)
        hot.send(record=record(incident, world.namespace, delivered(incident)), serial=1)
        await hot.until_written(incident.id, 1)
        hot.send(hypervisor=report(name, "Failed"))
        await eventually(lambda: is_tainted(world, name), "the taint")
        hot.send(hypervisor=report(name, "Up"))

        async def free() -> bool:
            return not await is_tainted(world, name)

        await eventually(free, "no taint")
        over = cleared(incident)
        hot.send(record=record(over, world.namespace, delivered(incident), delivered(over, 1)), serial=2)
        await hot.until_written(incident.id, 2)
        hot.send(event={"node": name, "type": "Normal", "reason": "Told", "note": "of rights"})

        async def event() -> bool:
            return any(one["regarding"].get("name") == name for one in await world.client.list(EVENTS))

        await eventually(event, "the Event")
        assert "orbidden" not in hot.log.read_text()


async def squat(client: KubeClient, name: str, namespace: str) -> None:
    """Somebody takes the name of a record that is to come."""
    obj = {
        "metadata": {"name": name},
        "spec": {
            "fault": {
                "kind": "vm.failed",
                "cause": "None",
                "severity": "minor",
                "confidence": "low",
                "detectedAt": "2026-01-01T00:00:00Z",
            },
            "resource": {"kind": "None", "name": "none"},
            "episode": 0,
            "sequenceBase": 1,
        },
    }
    await client.create(INCIDENTS, obj, namespace)
