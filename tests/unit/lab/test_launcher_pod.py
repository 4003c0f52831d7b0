"""The launcher pod that a VMI becomes."""

from typing import Any

import pytest

from nfvi_ha.lab.cluster.launcher_pod import MEMORY_OVERHEAD, compute_resources, launcher_pod


def vmi(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "vm", "namespace": "ns", "uid": "u", "labels": {"app": "vnf"}},
        "spec": {"domain": {"devices": {}}, **spec},
    }


def test_placement_is_copied_and_the_schedulable_label_asked_for() -> None:
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}
    tolerations = [{"key": "k", "operator": "Exists", "tolerationSeconds": 5}]
    spec = launcher_pod(vmi(nodeSelector={"disk": "ssd"}, affinity=affinity, tolerations=tolerations))["spec"]
    assert spec["nodeSelector"] == {"disk": "ssd", "kubevirt.io/schedulable": "true"}
    assert spec["affinity"] == affinity
    assert spec["tolerations"] == tolerations


def test_it_belongs_to_its_vmi_by_owner_and_label() -> None:
    metadata = launcher_pod(vmi())["metadata"]
    assert metadata["labels"] == {
        "app": "vnf",
        "kubevirt.io": "virt-launcher",
        "kubevirt.io/created-by": "u",
        "vmi.kubevirt.io/id": "vm",
        "vm.kubevirt.io/name": "vm",
    }
    (owner,) = metadata["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("u", True)
    assert metadata["annotations"]["kubevirt.io/domain"] == "vm"
    assert metadata["generateName"] == "virt-launcher-vm-"


@pytest.mark.parametrize(("given", "expected"), [(None, 60), (0, 30), (5, 35)])
def test_the_pod_gets_thirty_seconds_more_than_the_guest(given: int | None, expected: int) -> None:
    spec = {} if given is None else {"terminationGracePeriodSeconds": given}
    assert launcher_pod(vmi(**spec))["spec"]["terminationGracePeriodSeconds"] == expected


def test_memory_is_the_guests_and_an_overhead_and_cpu_a_tenth_of_its_own() -> None:
    spec = {"domain": {"devices": {}, "memory": {"guest": "1Gi"}, "cpu": {"cores": 2, "sockets": 3}}}
    assert compute_resources(spec) == {"requests": {"memory": str(2**30 + MEMORY_OVERHEAD), "cpu": "600m"}}


def test_dedicated_cpus_are_guaranteed() -> None:
    spec = {"domain": {"devices": {}, "memory": {"guest": "1Gi"}, "cpu": {"cores": 2, "dedicatedCpuPlacement": True}}}
    resources = compute_resources(spec)
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["cpu"] == "2"


def test_a_quantity_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="quantity"):
        launcher_pod(vmi(domain={"devices": {}, "memory": {"guest": "much"}}))
