"""The bench's objects: the operator must see in them what it sees in real ones."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from nfvi_ha.api.vnfreplicaset import VNFReplicaSet
from nfvi_ha.core.detection import Sight, find_faults
from nfvi_ha.core.evidence import find_evidence
from nfvi_ha.core.fault import EvidenceKind, FaultKind
from nfvi_ha.core.replicaset.template import Placement, build_vmi
from nfvi_ha.kube.views import pod_view, vm_view
from nfvi_ha.lab.bench import fleet

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NODE = "hypervisor-1"


def vmi() -> dict[str, Any]:
    template = fleet.replica_set(3, 100)["spec"]["template"]
    body = build_vmi(
        namespace=fleet.NAMESPACE,
        set_name="vnf-3",
        set_uid="set-uid",
        slot=7,
        attempt=1,
        template=template,
        placement=Placement(),
    )
    body["metadata"]["uid"] = "vm-uid"
    return body


@pytest.mark.parametrize(("vms", "sizes"), [(1, [1]), (100, [100]), (101, [100, 1]), (1000, [100] * 10)])
def test_vms_are_spread_over_sets_of_up_to_a_hundred(vms: int, sizes: list[int]) -> None:
    assert fleet.set_sizes(vms) == sizes


def test_there_are_hypervisors_enough() -> None:
    assert len(fleet.nodes(5)) == fleet.MIN_NODES
    assert len(fleet.nodes(1000)) == 50
    assert len({node.name for node in fleet.nodes(1000)}) == 50


def test_the_sets_are_what_the_operator_accepts() -> None:
    body = fleet.replica_set(0, 100)
    body["metadata"] |= {"namespace": fleet.NAMESPACE, "uid": "u", "generation": 1, "resourceVersion": "1"}
    assert VNFReplicaSet.parse(body).spec.replicas == 100


def test_a_running_vm_is_as_large_as_a_real_one_and_has_no_fault() -> None:
    body = fleet.running(vmi(), NODE, "pod-uid", NOW)
    pod = fleet.pod_of(body, NODE)
    pod["metadata"]["uid"] = "pod-uid"
    view, pod_seen = vm_view(body), pod_view(pod)
    assert view is not None
    assert pod_seen is not None
    assert (view.phase, view.ready, view.node, pod_seen.vmi_uid) == ("Running", True, NODE, "vm-uid")
    assert find_faults(Sight(view, (pod_seen,), None, NOW)) == ()
    assert len(orjson.dumps(body)) > 3000, "managedFields, which the server adds, make 2 kB more"


def test_a_failed_vm_is_proven_to_have_ended_by_its_handler() -> None:
    body = fleet.failed(fleet.running(vmi(), NODE, "pod-uid", NOW), NOW)
    # The server notes who wrote what; the stand-in writes as virt-handler.
    fields = {"f:status": {"f:phase": {}}}
    body["metadata"]["managedFields"] = [
        {"manager": "virt-handler", "operation": "Update", "time": "2026-01-02T03:04:05Z", "fieldsV1": fields}
    ]
    view = vm_view(body)
    assert view is not None
    evidence = find_evidence(view, (), {NODE}, NOW)
    assert evidence is not None
    assert evidence.kind is EvidenceKind.PROCESS_GONE
    (finding,) = find_faults(Sight(view, (), evidence, NOW))
    assert finding.fault.kind is FaultKind.VM_FAILED


def test_a_quiet_change_is_a_change_of_nothing_that_the_operator_reads() -> None:
    body = fleet.running(vmi(), NODE, "pod-uid", NOW)
    assert fleet.touched(body, 1) != body
    assert vm_view(fleet.touched(body, 1)) == vm_view(body)
