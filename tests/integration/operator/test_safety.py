"""Invariant 1, tried hard: a slot never has two VMs that could both write."""

from collections.abc import AsyncIterator

import pytest_asyncio
from vnf_world import VnfWorld, eventually

from nfvi_ha.kube.resources import LEASES, VMIS, VNFREPLICASETS


@pytest_asyncio.fixture(loop_scope="session")
async def frozen(world: VnfWorld) -> AsyncIterator[list[str]]:
    """Nodes a test froze; they go on after it."""
    nodes: list[str] = []
    yield nodes
    for node in nodes:
        world.faults.unfreeze_node(node)


async def test_a_lost_vm_that_may_still_run_is_told_held_and_not_replaced(world: VnfWorld, frozen: list[str]) -> None:
    vms = await world.ready_set(replicas=2)
    lost, node = vms[0], vms[0]["status"]["nodeName"]
    frozen.append(node)
    world.faults.freeze_node(node)
    await world.faults.delete_pod(lost, force=True)

    failed = await world.told("vm.failed", "fw-0-1")
    assert failed.data["confidence"] == "low"
    assert failed.data.get("evidence") is None
    held = await world.told("recovery.held", "fw-0-1")
    assert held.data["action"]["outcome"] == "Held"
    obj = await world.until_set(lambda obj: obj["status"]["slots"][0]["state"] == "Held", "slot 0 is held")
    assert obj["status"]["slots"][0]["uid"] == lost["metadata"]["uid"]
    assert world.faults.vm_alive(lost), "this test is about a VM that still runs"
    degraded = await world.condition("Degraded", "True")
    assert degraded["reason"] == "SlotsHeld"
    # Whatever is asked of the set meanwhile, the slot stays as it is.
    await world.patch_set({"spec": {"replicas": 3}})
    await world.until_set(lambda obj: obj["status"]["replicas"] == 3, "a third slot is opened")
    assert [vm["metadata"]["name"] for vm in await world.all_vms() if "fw-0-" in vm["metadata"]["name"]] == ["fw-0-1"]
    assert "SlotHeld" in await world.event_reasons()


async def test_a_node_that_comes_back_proves_nothing_about_a_vm_it_does_not_speak_of(
    world: VnfWorld, frozen: list[str]
) -> None:
    vms = await world.ready_set(replicas=1)
    node = vms[0]["status"]["nodeName"]
    frozen.append(node)
    world.faults.freeze_node(node)
    await world.faults.delete_pod(vms[0], force=True)
    await world.until_set(lambda obj: obj["status"]["slots"][0]["state"] == "Held", "slot 0 is held")
    before = await world.client.get(LEASES, node, "kube-node-lease")
    frozen.remove(node)
    world.faults.unfreeze_node(node)

    async def renewed_twice() -> bool:
        lease = await world.client.get(LEASES, node, "kube-node-lease")
        return int(lease["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"]) + 1

    await eventually(renewed_twice, "the node renews its Lease", 20.0, lambda: "silent")
    await world.until_set(lambda obj: obj["status"]["slots"][0]["state"] == "Held", "slot 0 is still held")
    assert [vm["metadata"]["name"] for vm in await world.all_vms()] == ["fw-0-1"]


async def test_a_vm_that_died_while_its_node_was_silent_is_replaced_once_the_node_says_so(
    world: VnfWorld, frozen: list[str]
) -> None:
    vms = await world.ready_set(replicas=1)
    node = vms[0]["status"]["nodeName"]
    frozen.append(node)
    world.faults.freeze_node(node)
    world.faults.kill_vm(vms[0])
    await world.told("vm.unready", "fw-0-1")
    assert [vm["metadata"]["name"] for vm in await world.all_vms()] == ["fw-0-1"], "silence is no evidence"
    frozen.remove(node)
    world.faults.unfreeze_node(node)
    failed = await world.told("vm.failed", "fw-0-1")
    assert failed.data["confidence"] == "high"
    await world.told("vm.recovered", "fw-0-1")
    await world.until_ready(1)
    assert [vm["metadata"]["name"] for vm in await world.vms()] == ["fw-0-2"]


async def test_a_vmi_whose_finalizers_were_torn_off_holds_its_slot(world: VnfWorld, frozen: list[str]) -> None:
    vms = await world.ready_set(replicas=2)
    lost, node = vms[1], vms[1]["status"]["nodeName"]
    frozen.append(node)
    world.faults.freeze_node(node)
    await world.client.delete(VMIS, "fw-1-1", world.namespace)
    await world.client.patch(VMIS, "fw-1-1", {"metadata": {"finalizers": None}}, world.namespace)
    obj = await world.until_set(
        lambda obj: any(s["reason"] == "VanishedWithoutEvidence" for s in obj["status"]["slots"]), "slot 1 is held"
    )
    assert obj["status"]["slots"][1]["state"] == "Held"
    assert world.faults.vm_alive(lost)
    assert [vm["metadata"]["name"] for vm in await world.vms()] == ["fw-0-1"]


async def test_foreground_deletion_takes_the_vms_first(world: VnfWorld) -> None:
    await world.ready_set(replicas=2)
    await world.client.delete(VNFREPLICASETS, "fw", world.namespace, propagation="Foreground")

    async def gone() -> bool:
        return not await world.client.list(VNFREPLICASETS, world.namespace)

    await eventually(gone, "the set is gone", 30.0, lambda: "there")
    assert await world.all_vms() == []
    assert world.tellings("vm.failed") == []


async def test_orphaned_vms_run_on_without_our_finalizer_and_are_adopted_again(world: VnfWorld) -> None:
    before = {vm["metadata"]["uid"] for vm in await world.ready_set(replicas=2)}
    await world.client.delete(VNFREPLICASETS, "fw", world.namespace, propagation="Orphan")

    async def let_go() -> bool:
        vms = await world.all_vms()
        return all(
            not vm["metadata"].get("ownerReferences")
            and "nfvi-ha.io/evidence" not in (vm["metadata"].get("finalizers") or [])
            for vm in vms
        )

    await eventually(let_go, "VMs are let go", 60.0, lambda: "held")
    assert {vm["metadata"]["uid"] for vm in await world.all_vms()} == before
    await world.create_set(replicas=2)
    await world.until_ready(2)
    assert {vm["metadata"]["uid"] for vm in await world.vms()} == before
