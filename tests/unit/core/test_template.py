"""From a template to a VMI."""

import copy

import pytest

from nfvi_ha.api import names
from nfvi_ha.core.replicaset.template import Placement, build_vmi, template_hash, vm_name

TEMPLATE = {
    "metadata": {"labels": {"app": "web", names.LABEL_SLOT: "77"}, "annotations": {"note": "x"}},
    "spec": {"domain": {"devices": {}}, "affinity": {"podAntiAffinity": {}, "nodeAffinity": {"kept": True}}},
}
PREFERRED, REQUIRED, NONE = Placement(), Placement("Required", "zone"), Placement("None")


def build(template: dict = TEMPLATE, placement: Placement = PREFERRED) -> dict:  # type: ignore[type-arg]
    return build_vmi(
        namespace="prod", set_name="web", set_uid="set-1", slot=2, attempt=7, template=template, placement=placement
    )


def test_the_hash_never_changes_between_releases() -> None:
    assert template_hash(TEMPLATE, PREFERRED) == "9fc371eaaf"


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    reordered = {"spec": dict(reversed(TEMPLATE["spec"].items())), "metadata": TEMPLATE["metadata"]}

    assert template_hash(reordered, PREFERRED) == template_hash(TEMPLATE, PREFERRED)


@pytest.mark.parametrize("placement", [REQUIRED, NONE, Placement(spread=(1, "zone", "DoNotSchedule"))])
def test_another_placement_is_another_template(placement: Placement) -> None:
    assert template_hash(TEMPLATE, placement) != template_hash(TEMPLATE, PREFERRED)


def test_the_vmi_carries_its_place_its_owner_and_our_finalizer() -> None:
    metadata = build()["metadata"]

    assert metadata["name"] == vm_name("web", 2, 7) == "web-2-7"
    assert metadata["finalizers"] == [names.FINALIZER_EVIDENCE]
    assert metadata["labels"] == {
        "app": "web",
        names.LABEL_VNFRS: "web",
        names.LABEL_SLOT: "2",
        names.LABEL_ATTEMPT: "7",
        names.LABEL_TEMPLATE_HASH: template_hash(TEMPLATE, PREFERRED),
    }
    assert metadata["annotations"] == {"note": "x"}
    owner = metadata["ownerReferences"][0]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("set-1", True, True)


def test_building_leaves_the_template_as_it_is() -> None:
    before = copy.deepcopy(TEMPLATE)

    build()

    assert before == TEMPLATE


def test_anti_affinity_is_added_beside_what_the_author_wrote() -> None:
    affinity = build(placement=REQUIRED)["spec"]["affinity"]

    (term,) = affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "zone"
    assert term["labelSelector"] == {"matchLabels": {names.LABEL_VNFRS: "web"}}
    assert affinity["nodeAffinity"] == {"kept": True}


def test_preferred_and_spread_and_none() -> None:
    preferred = build()["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred[0]["weight"] == 100
    assert build(placement=NONE)["spec"] == TEMPLATE["spec"]
    (constraint,) = build(placement=Placement("None", spread=(2, "zone", "ScheduleAnyway")))["spec"][
        "topologySpreadConstraints"
    ]
    assert (constraint["maxSkew"], constraint["whenUnsatisfiable"]) == (2, "ScheduleAnyway")


@pytest.mark.parametrize("affinity", [None, {}, {"podAntiAffinity": None}])
def test_an_explicit_null_counts_as_absent(affinity: object) -> None:
    template = {"spec": {"affinity": affinity, "topologySpreadConstraints": None}}

    spec = build(template, Placement(spread=(1, "zone", "DoNotSchedule")))["spec"]

    assert len(spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]) == 1
    assert len(spec["topologySpreadConstraints"]) == 1
