"""Scaling, rolling updates, pausing: as `kubectl` users expect them."""

import copy
from typing import Any

from vnf_world import TEMPLATE, VnfWorld, eventually

from nfvi_ha.kube.resources import VMIS, VNFREPLICASETS


def changed_template(**requests: str) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["domain"]["resources"]["requests"] |= requests
    return template


async def test_kubectl_scale_works_both_ways_and_the_selector_finds_the_vms(world: VnfWorld) -> None:
    await world.ready_set(replicas=2)
    kubectl = world.lab.plane.kubectl
    kubectl("scale", "vnfrs/fw", "--replicas=4", "-n", world.namespace)
    await world.until_ready(4)
    scale = await world.client.get_path(
        f"/apis/nfvi-ha.io/v1alpha1/namespaces/{world.namespace}/vnfreplicasets/fw/scale"
    )
    assert scale["status"]["replicas"] == 4
    selected = await world.client.list(VMIS, world.namespace, label_selector=scale["status"]["selector"])
    assert len(selected) == 4
    kubectl("scale", "vnfrs/fw", "--replicas=1", "-n", world.namespace)
    await world.until_ready(1)
    assert [vm["metadata"]["name"] for vm in await world.vms()] == ["fw-0-1"]


async def test_scale_in_takes_the_unhealthy_slot_first(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=3)
    await world.faults.pause_on_io_error(vms[0])
    await world.told("vm.paused", "fw-0-1")
    await world.patch_set({"spec": {"replicas": 2}})
    await world.until_ready(2)
    assert [vm["metadata"]["name"] for vm in await world.vms()] == ["fw-1-1", "fw-2-1"]


async def test_a_rolling_update_replaces_one_by_one(world: VnfWorld) -> None:
    await world.ready_set(replicas=3)
    await world.patch_set({"spec": {"template": changed_template(memory="96Mi")}})
    least = 3

    async def updated() -> bool:
        nonlocal least
        obj = await world.get_set()
        status = obj["status"]
        least = min(least, status["readyReplicas"])
        assert len(await world.vms()) <= 3
        return status["updatedReplicas"] == 3 == status["readyReplicas"] and status["observedGeneration"] == 2

    await eventually(updated, "all VMs are updated", 60.0, lambda: f"least {least}")
    assert least >= 2
    memories = {vm["spec"]["domain"]["resources"]["requests"]["memory"] for vm in await world.vms()}
    assert memories == {"96Mi"}
    assert world.tellings("vm.failed") == []


async def test_a_surge_keeps_all_replicas_ready(world: VnfWorld) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    await world.ready_set(replicas=2, updateStrategy=strategy)
    await world.patch_set({"spec": {"template": changed_template(memory="96Mi")}})
    least, most = 2, 0

    async def updated() -> bool:
        nonlocal least, most
        living = await world.vms()
        most = max(most, len(living))
        status = (await world.get_set())["status"]
        least = min(least, status["readyReplicas"])
        return status["observedGeneration"] == 2 and status["updatedReplicas"] == 2 == status["replicas"]

    await eventually(updated, "all VMs are updated", 60.0, lambda: f"least {least}, most {most}")
    await world.until_ready(2)
    assert least >= 2
    assert most == 3


async def test_an_update_that_does_not_come_up_stops_by_itself(world: VnfWorld) -> None:
    await world.ready_set(replicas=3, progressDeadline="2s")
    await world.patch_set({"spec": {"template": changed_template(memory="1000Gi")}})
    stuck = await world.condition("Progressing", "False", seconds=40.0)
    assert stuck["reason"] == "ProgressDeadlineExceeded"
    status = (await world.get_set())["status"]
    assert status["readyReplicas"] == 2, "two old VMs go on serving"


async def test_on_delete_waits_for_the_user(world: VnfWorld) -> None:
    await world.ready_set(replicas=2, updateStrategy={"type": "OnDelete"})
    await world.patch_set({"spec": {"template": changed_template(memory="96Mi")}})
    await world.until_set(lambda obj: obj["status"]["observedGeneration"] == 2, "the change was seen")
    await world.until_set(lambda obj: obj["status"]["updatedReplicas"] == 0, "nothing is updated")
    await world.client.delete(VMIS, "fw-1-1", world.namespace)

    async def one_updated() -> bool:
        status = (await world.get_set())["status"]
        return status["updatedReplicas"] == 1 and status["readyReplicas"] == 2

    await eventually(one_updated, "the deleted VM comes back updated", 30.0, lambda: "no")


async def test_a_paused_set_reports_and_does_nothing(world: VnfWorld) -> None:
    vms = await world.ready_set(replicas=2)
    await world.patch_set({"spec": {"paused": True}})
    await world.condition("Paused", "True")
    world.faults.kill_vm(vms[0])
    await world.told("vm.failed", "fw-0-1")
    await world.until_set(lambda obj: obj["status"]["slots"][0]["state"] == "Failed", "the slot is seen as failed")
    assert len(await world.vms()) == 1
    await world.patch_set({"spec": {"paused": False}})
    await world.until_ready(2)


async def test_repeated_early_failures_back_off_then_quarantine(world: VnfWorld) -> None:
    recovery = {"backoff": {"initial": "500ms", "max": "1s"}, "maxEarlyFailures": 3}
    await world.ready_set(replicas=1, recovery=recovery)
    for attempt in (1, 2, 3):
        await world.until_set(
            lambda obj, name=f"fw-0-{attempt}": (
                obj["status"]["slots"][0]["vmi"] == name and obj["status"]["slots"][0]["state"] == "Ready"
            ),
            f"attempt {attempt} is ready",
        )
        world.faults.kill_vm((await world.vms())[0])
    obj = await world.until_set(
        lambda obj: obj["status"]["slots"][0]["state"] == "Quarantined", "the slot is quarantined"
    )
    assert obj["status"]["slots"][0]["earlyFailures"] == 3
    abandoned = await world.told("recovery.abandoned", "fw-0-3")
    assert "change the template" in abandoned.data["action"]["detail"]
    assert await world.vms() == []
    assert {"SlotBackOff", "SlotQuarantined"} <= await world.event_reasons()
    # A changed template is a new chance.
    await world.patch_set({"spec": {"template": changed_template(memory="96Mi")}})
    await world.until_ready(1)


async def test_two_sets_do_not_disturb_each_other(world: VnfWorld) -> None:
    labels = {"app": "other"}
    template = {**TEMPLATE, "metadata": {"labels": labels}}
    await world.create_set("other", replicas=2, selector={"matchLabels": labels}, template=template)
    await world.ready_set(replicas=2)
    await world.until_ready(2, "other")
    await world.client.delete(VNFREPLICASETS, "fw", world.namespace)

    async def only_other() -> bool:
        return {vm["metadata"]["labels"]["app"] for vm in await world.all_vms()} == {"other"}

    await eventually(only_other, "only the other set's VMs are left", 30.0, lambda: "no")
    assert (await world.get_set("other"))["status"]["readyReplicas"] == 2
