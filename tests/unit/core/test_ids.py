"""Ids are the same for everybody who sees the same, and for nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.fault import FaultKind, ResourceRef
from nfvi_ha.core.ids import incident_id, notification_id, resource_hash

TEXT = st.text("abz-.0", min_size=0, max_size=20)
RESOURCES = st.builds(ResourceRef, TEXT, TEXT, TEXT, TEXT)
KEYS = st.tuples(RESOURCES, st.sampled_from(FaultKind), st.integers(0, 5))
VM = ResourceRef("VirtualMachineInstance", "prod", "web-0-1", "3f1c")


def test_the_id_of_an_incident_never_changes_between_releases() -> None:
    assert incident_id(VM, FaultKind.VM_FAILED, 0) == "vm-failed-f030dfb29e3f6e65de8e9948"
    assert resource_hash(VM) == "5d86226f30231294d1fa"


@given(one=KEYS, other=KEYS)
def test_ids_are_equal_exactly_when_all_they_are_made_of_is(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    assert (incident_id(*one) == incident_id(*other)) == (one == other)


@given(key=KEYS)
def test_ids_are_object_names(key: tuple) -> None:  # type: ignore[type-arg]
    name = incident_id(*key)

    assert len(name) <= 63
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert notification_id(name, 3) == f"{name}.3"


def test_the_resource_hash_is_of_the_name_whatever_its_incarnation() -> None:
    assert resource_hash(VM) == resource_hash(replace(VM, uid="another"))
    assert resource_hash(VM) != resource_hash(replace(VM, name="web-0-2"))
    assert len(resource_hash(VM)) <= 63
