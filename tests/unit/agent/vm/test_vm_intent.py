"""What the API says decides whether a VM's end was a failure."""

import signal
from typing import Any

from aiohttp import web

from nfvi_ha.core.fault import Confidence
from nfvi_ha.kube.client import KubeClient
from tests.unit.agent.vm.hypervisor import NODE, Hypervisor, Vm, until
from tests.unit.kube.fake_api import FakeApi

VMIS = "virtualmachineinstances"
DELETION = "2026-01-01T00:00:00Z"
OWNER = {"apiVersion": "nfvi-ha.io/v1alpha1", "kind": "VNFReplicaSet", "name": "web", "uid": "s", "controller": True}


async def put(api: FakeApi, vm: Vm, *, status: dict[str, Any] | None = None, **metadata: Any) -> None:
    fields = {
        "name": vm.name,
        "namespace": "default",
        "uid": vm.uid,
        "labels": {"nfvi-ha.io/slot": "3"},
        "ownerReferences": [OWNER],
        **metadata,
    }
    status = {"phase": "Running", "nodeName": NODE, "activePods": {vm.pod: NODE}, **(status or {})}
    # The fake server numbers versions by itself.
    await api.put(VMIS, vm.name, metadata={**fields, "resourceVersion": str(api.rv + 1)}, status=status)


async def watched(hypervisor: Hypervisor, api: FakeApi, client: KubeClient, name: str = "web-0") -> Vm:
    """A VM that runs and is known to the API, and a probe that knows it."""
    vm = hypervisor.start(name)
    await put(api, vm)
    hypervisor.probe(client)
    await until(lambda: any(entry.vnf == "web" for entry in hypervisor.inventory), "the VM is known")
    return vm


async def test_wanted_vm_that_is_killed_failed_for_sure(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    vm.kill()
    fault = await hypervisor.fault()
    assert (fault.cause, fault.confidence, fault.vnf, fault.slot) == ("QemuKilled", Confidence.HIGH, "web", 3)


async def test_deleted_vm_that_is_killed_is_no_failure(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    await put(api, vm, deletionTimestamp=DELETION)
    await until(lambda: hypervisor.inventory[0].going, "the deletion is known")
    vm.kill()
    await hypervisor.decided("Deleted")
    assert not hypervisor.faults()


async def test_deletion_that_the_watch_has_not_told_yet_is_asked_for(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    api.silent_watches = True

    async def deleted(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        if request.method != "GET" or not request.path.endswith(f"/{vm.name}"):
            return None
        metadata = {"name": vm.name, "namespace": "default", "uid": vm.uid, "deletionTimestamp": DELETION}
        return web.json_response({"metadata": metadata, "status": {"phase": "Running", "nodeName": NODE}})

    api.hook = deleted
    vm.kill()
    await hypervisor.decided("Deleted")
    assert not hypervisor.faults()


async def test_vm_that_is_not_in_the_api_any_more_is_no_failure(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    await api.remove(VMIS, vm.name)
    vm.kill()
    await hypervisor.decided("Deleted")
    assert not hypervisor.faults()


async def test_api_that_does_not_answer_does_not_hold_up_the_report(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    await api.stop()
    vm.kill()
    fault = await hypervisor.fault()
    assert fault.cause == "QemuKilled"


async def test_deletion_seen_before_the_api_went_away_still_counts(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    await put(api, vm, deletionTimestamp=DELETION)
    await until(lambda: hypervisor.inventory[0].going, "the deletion is known")
    await hypervisor.on_disk("vms.json", '"deleting":true')
    await api.stop()
    await hypervisor.stop_probe()
    hypervisor.probe(client)
    await hypervisor.watched(vm)
    vm.kill()
    await hypervisor.decided("Deleted")
    assert not hypervisor.faults()


async def test_source_of_a_finished_migration_is_no_failure(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    state = {"sourceNode": NODE, "targetNode": "worker-2", "targetNodeDomainReadyTimestamp": DELETION}
    await put(api, vm, status={"migrationState": state})
    await until(lambda: hypervisor.inventory[0].going, "the migration is known")
    vm.kill()
    await hypervisor.decided("MigrationSource")
    assert not hypervisor.faults()


async def test_source_that_dies_before_the_target_is_ready_failed(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    await put(api, vm, status={"migrationState": {"sourceNode": NODE, "targetNode": "worker-2"}})
    vm.kill()
    assert (await hypervisor.fault()).cause == "QemuKilled"


async def test_target_of_a_migration_that_dies_is_no_failure(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = hypervisor.start("web-0")
    state = {"sourceNode": "worker-2", "targetNode": NODE}
    await put(api, vm, status={"nodeName": "worker-2", "migrationState": state})
    hypervisor.probe(client)
    await until(lambda: any(entry.going for entry in hypervisor.inventory), "the VM is known")
    vm.kill()
    await hypervisor.decided("MigrationTarget")
    assert not hypervisor.faults()


async def test_vm_that_is_not_to_be_reported_is_not(hypervisor: Hypervisor, api: FakeApi, client: KubeClient) -> None:
    vm = await watched(hypervisor, api, client)
    await put(api, vm, annotations={"nfvi-ha.io/report": "false"})
    await until(lambda: not hypervisor.inventory[0].report, "the annotation is known")
    vm.kill(signal.SIGSEGV)
    await hypervisor.decided("ReportFalse")
    assert not hypervisor.faults()


async def test_launcher_that_was_told_to_end_is_no_failure(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = await watched(hypervisor, api, client)
    metadata = {
        "name": "virt-launcher-web-0",
        "namespace": "default",
        "uid": vm.pod,
        "labels": {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": vm.uid},
        "resourceVersion": str(api.rv + 1),
        "deletionTimestamp": DELETION,
    }
    await api.put("pods", "virt-launcher-web-0", metadata=metadata, spec={"nodeName": NODE})
    await until(lambda: hypervisor.inventory[0].going, "the deletion is known")
    assert vm.launcher is not None
    vm.launcher.kill()
    vm.kill()
    await hypervisor.decided("LauncherTold")
    assert not hypervisor.faults()


async def test_uid_comes_from_the_api_where_no_launcher_tells_it(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    vm = hypervisor.start("web-0", launcher=False)
    hypervisor.probe(client)
    await put(api, vm)
    await hypervisor.watched(vm)
    vm.kill()
    assert (await hypervisor.fault()).vm_uid == vm.uid


async def test_vm_that_failed_while_no_agent_ran_is_judged_by_what_the_api_says_then(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    shut, lost = hypervisor.start("web-0"), hypervisor.start("web-1")
    await put(api, shut)
    await put(api, lost)
    hypervisor.probe(client)
    await hypervisor.watched(shut, lost)
    await hypervisor.on_disk("watched.json", lost.uid)
    await hypervisor.stop_probe()
    for vm in (shut, lost):
        vm.kill()
        vm.reaped()
    await put(api, shut, status={"phase": "Succeeded"})
    hypervisor.probe(client)
    fault = await hypervisor.proven()
    await hypervisor.decided("ShutDown")
    assert [fault.vm_uid for fault in hypervisor.faults()] == [lost.uid]
    assert fault.cause == "QemuEnded"
