"""The story on Kubernetes objects: every fault has its words, on an object that people look at."""

from typing import Any

import pytest

from nfvi_ha.core.fault import FaultKind, ResourceRef
from nfvi_ha.operator import reasons
from nfvi_ha.operator.story import FAULT_REASONS, regarding_of


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_has_a_reason_that_the_reference_explains(kind: FaultKind) -> None:
    _, type_, text = reasons.MEANINGS[FAULT_REASONS[kind]]

    assert type_ == reasons.WARNING
    assert text


def test_no_two_faults_share_a_reason() -> None:
    assert len(set(FAULT_REASONS.values())) == len(FaultKind)


@pytest.mark.parametrize(
    ("resource", "wanted"),
    [
        (ResourceRef("Hypervisor", "", "worker-1", "boot"), {"kind": "Node", "name": "worker-1"}),
        (
            ResourceRef("HypervisorComponent", "", "worker-1/process/kubelet", "boot"),
            {"apiVersion": "v1", "kind": "Node", "name": "worker-1"},
        ),
        (
            ResourceRef("OperatorReplica", "", "operator-a", "replica"),
            {"kind": "Pod", "namespace": "nfvi-ha-system", "name": "operator-a"},
        ),
        (ResourceRef("NFVI", "", "site-1", "nfvi"), {"kind": "Namespace", "name": "nfvi-ha-system"}),
        (
            ResourceRef("VirtualMachineInstance", "edge", "web-0-1", "u"),
            {"apiVersion": "kubevirt.io/v1", "namespace": "edge", "uid": "u"},
        ),
    ],
)
def test_events_are_on_objects_that_exist(resource: ResourceRef, wanted: dict[str, Any]) -> None:
    assert wanted.items() <= regarding_of(resource, "nfvi-ha-system").items()
