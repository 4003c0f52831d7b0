"""Incidents as the durable outbox: nothing is lost while the VIM is down, and nothing is sent that is not ours."""

import base64
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio
from vnf_world import Obj, VnfWorld, eventually

from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import EVENTS, INCIDENTS, NAMESPACES, SECRETS, VMIS
from nfvi_ha.lab.operators import SYSTEM_NAMESPACE
from nfvi_ha.reporting.receiver.misbehaviour import GOOD, Misbehaviour

FINALIZER = "nfvi-ha.io/undelivered"
DOWN = Misbehaviour(status=503)


@pytest_asyncio.fixture(loop_scope="session")
async def vim_down(world: VnfWorld) -> AsyncIterator[None]:
    """The VIM answers 503 until a test says otherwise."""
    world.lab.receiver.misbehave(DOWN)
    yield
    world.lab.receiver.misbehave(GOOD)


async def failed_incident(world: VnfWorld, namespace: str) -> Obj | None:
    """The record of the one VM that failed in this world, once it says that delivery is tried."""
    for obj in await world.client.list(INCIDENTS, namespace):
        fault, resource = obj["spec"]["fault"], obj["spec"]["resource"]
        states = {note["state"] for note in (obj.get("status") or {}).get("deliveries", ())}
        if fault["kind"] == "vm.failed" and resource["namespace"] == world.namespace and states:
            return obj
    return None


async def wait_for_incident(world: VnfWorld, state: str, namespace: str = "") -> Obj:
    found: Obj = {}

    async def there() -> bool:
        obj = await failed_incident(world, namespace or world.namespace)
        found.update(obj or {})
        return obj is not None and state in {note["state"] for note in obj["status"]["deliveries"]}

    await eventually(there, f"an Incident with a {state} delivery", 20.0, lambda: str(found.get("status")))
    return found


def accepted(world: VnfWorld, vm: str) -> list[tuple[str, int]]:
    """What the VIM took about a VM, in the order of first arrival: type and sequence."""
    taken: dict[str, tuple[str, int]] = {}
    for record in world.tellings():
        if record.accepted and record.data["resource"]["name"] == vm:
            taken.setdefault(record.id, (record.type.removeprefix("io.nfvi-ha."), record.data["sequence"]))
    return list(taken.values())


async def test_a_deleted_incident_stays_until_the_vim_has_heard_everything(world: VnfWorld, vim_down: None) -> None:
    vms = await world.ready_set(replicas=1)
    world.faults.kill_vm(vms[0])
    incident = await wait_for_incident(world, "Retrying")
    name = incident["metadata"]["name"]
    assert incident["metadata"]["finalizers"] == [FINALIZER]
    assert incident["metadata"]["annotations"]["nfvi-ha.io/hmac"]
    await world.until_ready(1)

    await world.client.delete(INCIDENTS, name, world.namespace)
    kept = await world.client.get(INCIDENTS, name, world.namespace)
    assert kept["metadata"]["deletionTimestamp"]
    assert accepted(world, "fw-0-1") == []

    world.lab.receiver.misbehave(GOOD)
    await world.told("vm.recovered", "fw-0-1", 30.0)

    async def gone() -> bool:
        with contextlib.suppress(NotFound):
            nonlocal kept
            kept = await world.client.get(INCIDENTS, name, world.namespace)
            return False
        return True

    await eventually(gone, "the Incident is gone", 20.0, lambda: str(kept.get("status")))
    told = accepted(world, "fw-0-1")
    assert [type_ for type_, _ in told if type_ != "vm.unready" and type_ != "vm.ready"] == [
        "vm.failed",
        "recovery.replacement.created",
        "recovery.replacement.running",
        "vm.recovered",
    ]
    assert [sequence for _, sequence in told] == sorted(sequence for _, sequence in told)


async def test_a_forged_incident_is_not_delivered_and_keeps_nothing_from_being_told(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=2)
    world.faults.kill_vm(vms[0])
    await world.told("vm.recovered", "fw-0-1")
    true = await wait_for_incident(world, "Delivered")
    forged = {
        "apiVersion": "nfvi-ha.io/v1alpha1",
        "kind": "Incident",
        # Even with a seal of ours: it is one over something else.
        "metadata": {"name": "vm-failed-forged", "annotations": true["metadata"]["annotations"]},
        "spec": {**true["spec"], "resource": {**true["spec"]["resource"], "name": "forged-vm"}},
    }
    await world.client.create(INCIDENTS, forged, world.namespace)

    async def refused() -> bool:
        events = await world.client.list(EVENTS, world.namespace)
        return any(e["reason"] == "Refused" and e["regarding"]["name"] == "vm-failed-forged" for e in events)

    await eventually(refused, "an Event on the forged Incident", 20.0, lambda: "none")
    # What is told after it proves that it was passed over.
    world.faults.kill_vm(vms[1])
    await world.told("vm.recovered", "fw-1-1")
    assert not [record for record in world.tellings() if record.data["resource"]["name"] == "forged-vm"]
    assert "status" not in await world.client.get(INCIDENTS, "vm-failed-forged", world.namespace)


async def test_the_namespace_of_an_undelivered_incident_can_be_deleted(world: VnfWorld, vim_down: None) -> None:
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "plain"},
        "spec": {"domain": {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}},
    }
    await world.client.create(VMIS, body, world.namespace)

    async def running() -> bool:
        vm = await world.client.get(VMIS, "plain", world.namespace)
        conditions = (vm.get("status") or {}).get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    await eventually(running, "plain is ready", 20.0, lambda: "no")
    world.faults.kill_vm(await world.client.get(VMIS, "plain", world.namespace))
    await wait_for_incident(world, "Retrying")
    await world.client.delete(NAMESPACES, world.namespace)

    async def gone() -> bool:
        with contextlib.suppress(NotFound):
            await world.client.get(NAMESPACES, world.namespace)
            return False
        return True

    moved = await wait_for_incident(world, "Retrying", SYSTEM_NAMESPACE)
    await eventually(gone, "the namespace is gone", 60.0, lambda: "there")
    assert moved["spec"]["resource"]["namespace"] == world.namespace
    world.lab.receiver.misbehave(GOOD)
    await world.told("vm.failed", "plain", 30.0)

    async def closed() -> bool:
        obj = await failed_incident(world, SYSTEM_NAMESPACE)
        return obj is not None and obj["status"]["phase"] == "Closed" and not obj["metadata"].get("finalizers")

    await eventually(closed, "the moved Incident is closed", 20.0, lambda: "no")
    # For the end of the test, which deletes its namespace.
    await world.client.create(NAMESPACES, {"metadata": {"name": world.namespace}})


async def test_the_key_that_seals_incidents_was_made_once_and_is_random(world: VnfWorld) -> None:
    secret = await world.client.get(SECRETS, "nfvi-ha-incident-key", SYSTEM_NAMESPACE)
    (key,) = secret["data"].values()
    assert len(base64.b64decode(key)) == 32
    assert len(set(base64.b64decode(key))) > 8
