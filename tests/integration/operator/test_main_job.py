"""The main job: VMs kept at their number, every failure told to the VIM, nothing else told."""

import pytest
from vnf_world import VnfWorld, eventually

from nfvi_ha.kube.resources import VMIS


async def test_a_killed_vm_is_told_signed_and_replaced(world: VnfWorld) -> None:
    vms = await world.ready_set()
    killed = vms[1]["metadata"]
    world.faults.kill_vm(vms[1])

    failed = await world.told("vm.failed", killed["name"])
    assert failed.verified, failed.refusal
    assert failed.data["resource"]["uid"] == killed["uid"]
    assert failed.data["cause"] == "QemuCrashed"
    assert failed.data["confidence"] == "high"
    assert failed.data["evidence"]["kind"] == "ProcessGone"
    assert (failed.data["resource"]["vnf"], failed.data["resource"]["slot"]) == ("fw", 1)

    created = await world.told("recovery.replacement.created", killed["name"])
    recovered = await world.told("vm.recovered", killed["name"])
    assert created.data["action"]["newVM"] == "fw-1-2"
    assert failed.data["sequence"] < created.data["sequence"] < recovered.data["sequence"]
    assert failed.data["incident"] == created.data["incident"] == recovered.data["incident"]

    status = (await world.until_ready(3))["status"]
    assert [slot["vmi"] for slot in status["slots"]] == ["fw-0-1", "fw-1-2", "fw-2-1"]
    assert status["lastFailure"]["vmi"] == "fw-1-1"
    assert status["lastRecovery"]["vmi"] == "fw-1-2"
    assert not [record for record in world.tellings() if record.out_of_order or not record.verified]


async def test_the_incident_tells_the_story_and_closes(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=1)
    world.faults.kill_vm(vms[0])
    await world.told("vm.recovered", "fw-0-1")

    async def closed() -> bool:
        incidents = await world.incidents()
        return bool(incidents) and all((i.get("status") or {}).get("phase") == "Closed" for i in incidents)

    await eventually(closed, "all incidents closed", 20.0, lambda: str(world.tellings()))
    (incident,) = [i for i in await world.incidents() if i["spec"]["fault"]["kind"] == "vm.failed"]
    names = [action["name"] for action in incident["status"]["actions"]]
    assert names == ["recovery.replacement.created", "recovery.replacement.running", "cleared"]
    assert all(delivery["state"] == "Delivered" for delivery in incident["status"]["deliveries"])
    assert incident["status"]["delivered"] == "4/4"
    assert incident["status"]["evidence"][0]["source"].startswith("virt-handler@")
    reasons = await world.event_reasons()
    assert {"VMCreated", "VMFailed", "FaultCleared"} <= reasons


async def test_the_failed_vm_is_kept_until_its_successor_exists_then_goes(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=1)
    failed = vms[0]["metadata"]["uid"]
    seen_together = False
    world.faults.kill_vm(vms[0])

    async def replaced_and_gone() -> bool:
        nonlocal seen_together
        uids = {vm["metadata"]["uid"] for vm in await world.all_vms()}
        seen_together |= failed in uids and len(uids) == 2
        assert uids, "the failed VM went before its successor came"
        return failed not in uids and len(uids) == 1

    await eventually(replaced_and_gone, "the failed VM is gone", 20.0, lambda: str(seen_together))
    assert seen_together


async def test_the_same_slot_failing_twice_gives_two_ids(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=1)
    world.faults.kill_vm(vms[0])
    await world.told("vm.recovered", "fw-0-1")
    await world.until_ready(1)
    world.faults.kill_vm((await world.vms())[0])
    await world.told("vm.failed", "fw-0-2")
    ids = {record.id for record in world.tellings("vm.failed")}
    assert len(ids) == 2


async def test_a_crashed_launcher_is_told_and_replaced_before_kubevirt_gives_it_up(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=2)
    world.faults.kill_launcher(vms[0])
    failed = await world.told("vm.failed", "fw-0-1")
    assert failed.data["cause"] == "LauncherCrashed"
    assert failed.data["evidence"]["source"].startswith("kubelet@")
    created = await world.told("recovery.replacement.created", "fw-0-1")
    assert created.data["action"]["newVM"] == "fw-0-2"
    await world.until_ready(2)


@pytest.mark.parametrize("how", ["shutdown", "delete"])
async def test_what_somebody_asked_for_is_replaced_and_not_told_as_failure(world: VnfWorld, how: str) -> None:
    vms = await world.ready_set(replicas=2)
    if how == "shutdown":
        world.faults.shut_down_guest(vms[0])
    else:
        await world.client.delete(VMIS, "fw-0-1", world.namespace)

    async def replaced() -> bool:
        return [vm["metadata"]["name"] for vm in await world.vms()] == ["fw-0-2", "fw-1-1"]

    await eventually(replaced, "slot 0 has a new VM", 20.0, lambda: "no")
    await world.until_ready(2)
    assert world.tellings("vm.failed") == []


async def test_a_storage_pause_is_told_and_cleared_and_the_vm_is_not_replaced(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=1)
    await world.faults.pause_on_io_error(vms[0])
    paused = await world.told("vm.paused", "fw-0-1")
    assert paused.data["severity"] == "critical"
    await world.faults.resume(vms[0])
    await world.told("vm.resumed", "fw-0-1")
    await world.until_ready(1)
    assert [vm["metadata"]["uid"] for vm in await world.vms()] == [vms[0]["metadata"]["uid"]]


async def test_a_vm_of_somebody_else_is_told_too_and_not_touched(world: VnfWorld) -> None:
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "plain"},
        "spec": {"domain": {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}},
    }
    await world.client.create(VMIS, body, world.namespace)

    async def ready() -> bool:
        vm = await world.client.get(VMIS, "plain", world.namespace)
        conditions = (vm.get("status") or {}).get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    await eventually(ready, "plain is ready", 20.0, lambda: "no")
    world.faults.kill_vm(await world.client.get(VMIS, "plain", world.namespace))
    failed = await world.told("vm.failed", "plain")
    assert failed.data["resource"]["vnf"] == ""
    vm = await world.client.get(VMIS, "plain", world.namespace)
    assert "nfvi-ha.io/evidence" not in (vm["metadata"].get("finalizers") or [])


async def test_deletions_and_scale_ins_under_load_tell_no_failure(world: VnfWorld) -> None:
    await world.ready_set(replicas=12)
    for vm in (await world.vms())[:6]:
        await world.client.delete(VMIS, vm["metadata"]["name"], world.namespace)
    await world.patch_set({"spec": {"replicas": 4}})
    await world.until_ready(4)
    await world.patch_set({"spec": {"replicas": 10}})
    await world.until_ready(10)
    await world.patch_set({"spec": {"replicas": 0}})
    await world.until_ready(0)
    assert world.tellings("vm.failed") == []
    assert world.tellings("vm.unready") == []
