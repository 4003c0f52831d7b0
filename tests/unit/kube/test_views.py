from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.core.views import NodeView, OwnerView
from nfvi_ha.kube.views import lease_view, node_view, pod_view, vm_view

VMI: dict[str, Any] = {
    "kind": "VirtualMachineInstance",
    "metadata": {
        "uid": "u1",
        "namespace": "vnf",
        "name": "web-0-1",
        "resourceVersion": "77",
        "labels": {"nfvi-ha.io/slot": "0", "app": "web"},
        "annotations": {"nfvi-ha.io/report": "false", "kubevirt.io/latest-observed-api-version": "v1"},
        "finalizers": ["kubevirt.io/foregroundDeleteVirtualMachine"],
        "creationTimestamp": "2026-03-01T10:00:00Z",
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "o1"},
            {"apiVersion": "a/v1", "kind": "VNFReplicaSet", "name": "web", "uid": "o2", "controller": True},
        ],
        "managedFields": [
            {
                "manager": "virt-controller",
                "time": "2026-03-01T10:00:01Z",
                "fieldsV1": {"f:status": {"f:conditions": {}, "f:nodeName": {}}},
            },
            {
                "manager": "virt-handler",
                "operation": "Update",
                "time": "2026-03-01T10:00:05Z",
                "fieldsV1": {"f:status": {"f:phase": {}}},
            },
        ],
    },
    "status": {
        "phase": "Running",
        "nodeName": "worker-1",
        "activePods": {"p1": "worker-1"},
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "PodTerminating",
                "lastTransitionTime": "2026-03-01T10:01:00Z",
            },
            {"type": "Paused", "status": "True", "reason": "PausedIOError"},
        ],
        "phaseTransitionTimestamps": [
            {"phase": "Scheduled", "phaseTransitionTimestamp": "2026-03-01T10:00:03Z"},
            {"phase": "Running", "phaseTransitionTimestamp": "2026-03-01T10:00:05Z"},
        ],
    },
}


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 1, 10, minute, second, tzinfo=UTC)


def changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    obj = deepcopy(base)
    *parents, last = path.split(".")
    inner = obj
    for part in parents:
        inner = inner.setdefault(part, {})
    inner[last] = value
    return obj


def test_a_vmi_is_reduced_to_what_decisions_read() -> None:
    view = vm_view(VMI)
    assert view is not None
    assert (view.uid, view.namespace, view.name, view.resource_version) == ("u1", "vnf", "web-0-1", "77")
    assert view.label("nfvi-ha.io/slot") == "0"
    assert view.annotations == (("nfvi-ha.io/report", "false"),)
    assert view.owner == OwnerView("a/v1", "VNFReplicaSet", "web", "o2")
    assert (view.created_at, view.deleting) == (at(0), False)
    assert (view.phase, view.node, view.final) == ("Running", "worker-1", False)
    assert (view.ready, view.ready_reason, view.ready_since) == (False, "PodTerminating", at(1))
    assert view.paused_reason == "PausedIOError"
    assert view.phase_times == (("Scheduled", at(0, 3)), ("Running", at(0, 5)))
    assert view.phase_writer == "virt-handler"
    assert view.active_pods == (("p1", "worker-1"),)
    assert view.finalizers == ("kubevirt.io/foregroundDeleteVirtualMachine",)
    assert hash(view)


def owner_of_phase(manager: str, time: str, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": {"f:status": {"f:phase": {}}}, **more}


@pytest.mark.parametrize(
    ("managed", "writer"),
    [
        ([], ""),
        ([owner_of_phase("virt-handler", "2026-03-01T10:00:05Z", subresource="status")], "virt-handler"),
        (
            [
                owner_of_phase("virt-controller", "2026-03-01T10:00:06Z"),
                owner_of_phase("virt-handler", "2026-03-01T10:00:05Z"),
            ],
            "virt-controller",
        ),
        # Nobody can tell which of the two wrote it: then it proves nothing.
        (
            [
                owner_of_phase("virt-controller", "2026-03-01T10:00:05Z"),
                owner_of_phase("virt-handler", "2026-03-01T10:00:05Z"),
            ],
            "",
        ),
        # One manager twice (main resource and subresource) is one writer.
        (
            [
                owner_of_phase("virt-handler", "2026-03-01T10:00:05Z"),
                owner_of_phase("virt-handler", "2026-03-01T10:00:05Z", subresource="status"),
            ],
            "virt-handler",
        ),
        ([{"manager": "x", "time": "2026-03-01T10:00:05Z", "fieldsV1": {"f:spec": {"f:phase": {}}}}], ""),
    ],
)
def test_the_writer_of_the_phase_is_its_newest_sole_owner(managed: list[Any], writer: str) -> None:
    view = vm_view(changed(VMI, "metadata.managedFields", managed))
    assert view is not None
    assert view.phase_writer == writer


@pytest.mark.parametrize(
    ("state", "migrating"),
    [
        (None, False),
        ({"migrationUid": "m"}, True),
        ({}, True),
        ({"completed": True}, False),
        ({"failed": True}, False),
        ({"endTimestamp": "2026-03-01T10:00:05Z"}, False),
        ({"completed": False, "failed": False, "endTimestamp": None}, True),
    ],
)
def test_a_migration_lasts_until_it_completed_failed_or_ended(state: Any, migrating: bool) -> None:
    view = vm_view(changed(VMI, "status.migrationState", state))
    assert view is not None
    assert view.migrating is migrating


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", None), (7, None)])
def test_ready_is_unknown_unless_it_says_true_or_false(status: Any, ready: bool | None) -> None:
    view = vm_view(changed(VMI, "status.conditions", [{"type": "Ready", "status": status}]))
    assert view is not None
    assert view.ready is ready


def test_a_false_paused_condition_is_no_pause() -> None:
    view = vm_view(changed(VMI, "status.conditions", [{"type": "Paused", "status": "False", "reason": "PausedByUser"}]))
    assert view is not None
    assert view.paused_reason == ""


def test_deletion_counts_from_the_request_not_from_the_end_of_the_grace_period() -> None:
    obj = changed(VMI, "metadata.deletionTimestamp", "2026-03-01T10:05:30Z")
    view = vm_view(changed(obj, "metadata.deletionGracePeriodSeconds", 30))
    assert view is not None
    assert view.deleting_since == at(5)


@pytest.mark.parametrize("stamp", ["nonsense", 7, ""])
def test_an_unreadable_deletion_stamp_still_means_deleting(stamp: Any) -> None:
    view = vm_view(changed(VMI, "metadata.deletionTimestamp", stamp))
    assert view is not None
    assert view.deleting


POD: dict[str, Any] = {
    "metadata": {
        "uid": "p1",
        "namespace": "vnf",
        "name": "virt-launcher-web-0-1-abcde",
        "labels": {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": "u1"},
        "annotations": {"kubevirt.io/domain": "web-0-1"},
        "managedFields": [
            {
                "manager": "kubelet",
                "time": "2026-03-01T10:00:05Z",
                "fieldsV1": {"f:status": {"f:containerStatuses": {}}},
            }
        ],
    },
    "spec": {"nodeName": "worker-1"},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {"name": "guest-console-log", "state": {"terminated": {"exitCode": 1}}},
            {
                "name": "compute",
                "state": {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": "2026-03-01T10:00:05Z"}},
            },
        ],
    },
}


def test_a_pod_says_how_its_compute_container_ended_and_who_said_so() -> None:
    view = pod_view(POD)
    assert view is not None
    assert (view.vmi_uid, view.vmi_name, view.node, view.phase) == ("u1", "web-0-1", "worker-1", "Running")
    assert (view.compute_exit_code, view.compute_reason, view.compute_finished_at) == (137, "Error", at(0, 5))
    assert view.status_writer == "kubelet"


@pytest.mark.parametrize("state", [{"running": {}}, {"waiting": {}}, {}, None, {"terminated": {"exitCode": True}}])
def test_a_container_that_did_not_terminate_has_no_exit_code(state: Any) -> None:
    view = pod_view(changed(POD, "status.containerStatuses", [{"name": "compute", "state": state}]))
    assert view is not None
    assert (view.compute_exit_code, view.compute_reason, view.compute_finished_at) == (None, "", None)


def test_a_node_is_reduced_to_its_health_identity_and_taints() -> None:
    node = {
        "metadata": {"name": "n1", "uid": "nu", "labels": {"b": "2", "a": "1"}},
        "spec": {"unschedulable": True, "taints": [{"key": "k", "effect": "NoExecute", "value": "v"}, 3, {}]},
        "status": {
            "conditions": [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": "True"}],
            "nodeInfo": {"bootID": "boot", "systemUUID": "system"},
        },
    }
    taints, labels = (("k", "NoExecute"),), (("a", "1"), ("b", "2"))
    assert node_view(node) == NodeView("n1", "nu", True, True, "boot", "system", taints, labels)


def test_a_lease_keeps_its_renewal_as_text() -> None:
    lease = {
        "metadata": {"uid": "l", "namespace": "kube-node-lease", "name": "n1", "resourceVersion": "5"},
        "spec": {"holderIdentity": "n1", "renewTime": "2026-03-01T10:00:05.123456Z"},
    }
    view = lease_view(lease)
    assert view is not None
    assert (view.holder, view.renew_time, view.resource_version) == ("n1", "2026-03-01T10:00:05.123456Z", "5")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    "metadata", "spec", "status", "metadata.uid", "metadata.labels", "metadata.annotations", "metadata.finalizers",
    "metadata.ownerReferences", "metadata.creationTimestamp", "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds", "metadata.managedFields", "status.phase", "status.conditions",
    "status.phaseTransitionTimestamps", "status.activePods", "status.migrationState", "status.containerStatuses",
    "status.nodeInfo", "spec.taints", "spec.renewTime", "spec.unschedulable",
]  # fmt: skip
SHAPES = st.sampled_from(
    ["deletionTimestamp", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", 10**30, -(10**30)]
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([VMI, POD]), st.lists(st.tuples(st.sampled_from(PATHS), JSON | SHAPES | st.lists(JSON)), max_size=4)
)
def test_no_json_makes_a_view_raise(base: dict[str, Any], changes: list[tuple[str, Any]]) -> None:
    obj = deepcopy(base)
    for path, value in changes:
        *parents, last = path.split(".")
        if all(isinstance(obj.get(parent), dict) for parent in parents):
            (obj[parents[0]] if parents else obj)[last] = value
    for parse in (vm_view, pod_view, node_view, lease_view):
        view = parse(obj)
        assert view is None or hash(view) is not None


@pytest.mark.parametrize("obj", [{}, {"metadata": None}, {"metadata": {"uid": 7, "name": "a", "namespace": "b"}}])
def test_an_object_without_identity_is_no_view(obj: dict[str, Any]) -> None:
    assert vm_view(obj) is None
    assert pod_view(obj) is None
    assert lease_view(obj) is None
    assert node_view({"metadata": {"name": ""}}) is None
