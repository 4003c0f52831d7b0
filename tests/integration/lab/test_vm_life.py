"""What becomes of a VMI, from its creation to each of its possible ends, as KubeVirt would have it."""

from pathlib import Path
from typing import Any

import pytest
from nfvi_world import World, condition, eventually, is_ready, phase, phase_writer, stamped_phases

from nfvi_ha.api.names import KUBEVIRT_CREATED_BY, KUBEVIRT_FINALIZER, KUBEVIRT_NODE_NAME
from nfvi_ha.kube.errors import Invalid
from nfvi_ha.kube.resources import CORE_EVENTS, NODES, PODS, VMIS
from nfvi_ha.lab.objects import compute_terminated


def proc(pid: str, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


async def pods_of(world: World, vmi: dict[str, Any]) -> list[dict[str, Any]]:
    selector = f"{KUBEVIRT_CREATED_BY}={vmi['metadata']['uid']}"
    return await world.client.list(PODS, world.namespace, label_selector=selector)


async def test_a_vmi_runs_on_a_node(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    (pod,) = await pods_of(world, vmi)

    assert phase(vmi) == "Running"
    assert stamped_phases(vmi) == ["Pending", "Scheduling", "Scheduled", "Running"]
    assert phase_writer(vmi) == "virt-handler"
    assert KUBEVIRT_FINALIZER in vmi["metadata"]["finalizers"]
    node = vmi["status"]["nodeName"]
    assert node in world.nfvi.hypervisors
    assert vmi["metadata"]["labels"][KUBEVIRT_NODE_NAME] == node == pod["spec"]["nodeName"]
    assert vmi["status"]["activePods"] == {pod["metadata"]["uid"]: node}
    assert pod["metadata"]["ownerReferences"][0]["uid"] == vmi["metadata"]["uid"]
    assert pod["metadata"]["labels"]["app"] == "vnf"
    assert world.faults.vm_alive(vmi)


async def test_the_vm_process_looks_like_qemu_in_its_pods_directory(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    (pod_uid,) = vmi["status"]["activePods"]
    (procs,) = world.nfvi.hosts.directory(vmi["status"]["nodeName"]).glob(
        f"kubepods/burstable/pod{pod_uid}/*/cgroup.procs"
    )
    launcher, qemu = procs.read_text().split()

    assert proc(launcher, "comm") == "virt-launcher\n"
    assert proc(qemu, "comm") == "qemu-system-x86\n"
    argv = proc(qemu, "cmdline").split("\0")
    assert f"guest={world.namespace}_vm,debug-threads=on" in argv


async def test_a_killed_vm_is_failed_by_virt_handler_with_its_time(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    world.faults.kill_vm(vmi)
    failed = await world.until("vm", lambda obj: phase(obj) == "Failed", "Failed")

    assert phase_writer(failed) == "virt-handler"
    assert stamped_phases(failed)[-1] == "Failed"
    assert "reason" not in failed["status"]
    ended = await world.until("vm", lambda obj: condition(obj, "Ready") == ("False", "PodTerminating"), "pod ended")
    (pod,) = await pods_of(world, ended)
    assert phase(pod) == "Succeeded"
    assert (compute_terminated(pod) or {}).get("exitCode") == 0

    async def told() -> bool:
        events = await world.client.list(CORE_EVENTS, world.namespace)
        return any(
            (event["reason"], event["type"], event["involvedObject"]["name"]) == ("Stopped", "Warning", "vm")
            for event in events
        )

    await eventually(told, "Warning Stopped", 10, str)


async def test_a_guest_that_shuts_down_is_succeeded(world: World) -> None:
    await world.create("vm")
    world.faults.shut_down_guest(await world.ready("vm"))
    ended = await world.until("vm", lambda obj: phase(obj) in ("Failed", "Succeeded"), "final")

    assert phase(ended) == "Succeeded"
    assert phase_writer(ended) == "virt-handler"


async def test_a_killed_launcher_shows_in_pod_and_ready_before_the_phase(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    world.faults.kill_launcher(vmi)
    unready = await world.until("vm", lambda obj: condition(obj, "Ready")[0] == "False", "not Ready")

    assert condition(unready, "Ready") == ("False", "PodTerminating")
    assert phase(unready) == "Running"
    assert not world.faults.vm_alive(vmi)
    (pod,) = await pods_of(world, unready)
    assert phase(pod) == "Failed"
    assert (compute_terminated(pod) or {}).get("exitCode") == 137

    failed = await world.until("vm", lambda obj: phase(obj) == "Failed", "Failed by the watchdog")
    assert phase_writer(failed) == "virt-handler"
    assert stamped_phases(failed)[-1] == "Failed"


async def test_a_vmi_whose_pod_vanishes_is_failed_by_virt_controller_without_a_time(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    await world.faults.delete_pod(vmi, force=True)
    failed = await world.until("vm", lambda obj: phase(obj) == "Failed", "Failed")

    assert phase_writer(failed) == "virt-controller"
    assert "Failed" not in stamped_phases(failed)
    assert condition(failed, "Ready") == ("False", "PodNotExists")
    await eventually(lambda: _not(world.faults.vm_alive(vmi)), "the VM is killed", 10, str)


async def test_a_deleted_pod_shuts_its_guest_down(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    await world.faults.delete_pod(vmi, force=False)
    ended = await world.until("vm", lambda obj: phase(obj) in ("Failed", "Succeeded"), "final")

    assert phase(ended) == "Succeeded"
    assert not world.faults.vm_alive(vmi)


async def test_a_deleted_vmi_shuts_down_and_goes(world: World) -> None:
    created = await world.create("vm")
    vmi = await world.ready("vm")
    await world.faults.delete_vmi(vmi)
    await world.gone("vm")

    assert not await pods_of(world, created)
    assert not world.faults.vm_alive(vmi)
    node = world.nfvi.hosts.directory(vmi["status"]["nodeName"])

    async def cleaned() -> bool:
        return not list((node / "kubepods" / "burstable").iterdir())

    await eventually(cleaned, "pod directory removed", 10, str)


async def test_a_vmi_deleted_before_it_runs_goes_as_well(world: World) -> None:
    await world.create("vm", nodeSelector={"no-such": "label"})
    await world.until("vm", lambda obj: condition(obj, "PodScheduled")[0] == "False", "unschedulable")
    await world.client.delete(VMIS, "vm", world.namespace)
    await world.gone("vm")


async def test_an_io_error_pauses_and_unreadies_the_vm_which_lives_on(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    await world.faults.pause_on_io_error(vmi)
    paused = await world.until(
        "vm", lambda obj: condition(obj, "Paused")[0] == "True" and not is_ready(obj), "paused and not Ready"
    )

    assert condition(paused, "Paused") == ("True", "PausedIOError")
    assert condition(paused, "Ready") == ("False", "ReadinessGatesNotReady")
    assert phase(paused) == "Running"
    assert world.faults.vm_alive(vmi)

    await world.faults.resume(vmi)
    thawed = await world.ready("vm")
    assert condition(thawed, "Paused") == ("", "")


async def test_a_frozen_node_goes_stale_and_unknown_while_its_vm_lives(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    node = vmi["status"]["nodeName"]
    world.faults.freeze_node(node)

    async def unknown() -> bool:
        obj = await world.client.get(NODES, node)
        return condition(obj, "Ready")[0] == "Unknown" and len(obj["spec"].get("taints") or []) == 2

    try:
        await eventually(unknown, "node Unknown and tainted", 20, str)
        stale = await world.until("vm", lambda obj: not is_ready(obj), "not Ready")
        assert condition(stale, "Ready") == ("False", "NodeNotReady")
        assert phase(stale) == "Running"
        assert world.faults.vm_alive(vmi)
    finally:
        world.faults.unfreeze_node(node)
    await world.ready("vm")


async def test_a_pod_deleted_by_force_on_a_frozen_node_leaves_its_vm_alive(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    world.faults.freeze_node(vmi["status"]["nodeName"])
    try:
        await world.faults.delete_pod(vmi, force=True)
        await world.until("vm", lambda obj: phase(obj) == "Failed", "Failed")
        assert world.faults.vm_alive(vmi)
    finally:
        world.faults.unfreeze_node(vmi["status"]["nodeName"])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"domain": {"memory": {"guest": "1Gi"}}}, "spec.domain.devices"),
        ({"domain": {"devices": {}, "memory": {"guest": {"size": 1}}}}, "spec.domain.memory.guest"),
        ({"domain": {"devices": {}, "memory": {"guest": "a lot"}}}, "spec.domain.memory.guest"),
        ({"domain": {"devices": {"disks": [{"bus": "virtio"}]}}}, "spec.domain.devices.disks.name"),
        ({"domain": {"devices": {}, "cpu": {"cores": "two"}}}, "spec.domain.cpu.cores"),
    ],
)
async def test_a_template_that_kubevirt_refuses_is_refused(world: World, spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await world.create("vm", **spec)
    assert field in refused.value.message.replace("[0]", "")


async def _not(value: bool) -> bool:
    return not value
