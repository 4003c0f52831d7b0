"""What a VNFReplicaSet may say, and how one that may not is refused."""

from typing import Any, get_args

import pytest

from nfvi_ha.api import errors
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.rollout import RollingUpdate
from nfvi_ha.api.vmtemplate import KUBEVIRT_LABELS, MAX_BYTES
from nfvi_ha.api.vnfreplicaset import MAX_SLOTS, NAME_MAX_LENGTH, SlotState, parse
from nfvi_ha.core.replicaset import snapshot

from .samples import changed, example

VNF = example("vnfreplicaset-minimal")
ROLLING = "spec/updateStrategy/rollingUpdate"


def refused(obj: object) -> InvalidObject:
    with pytest.raises(InvalidObject) as caught:
        parse(obj)
    return caught.value


def test_absent_fields_have_their_defaults() -> None:
    spec = parse(VNF).spec

    assert spec.to_json() == {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "minimal"}, "matchExpressions": []},
        "template": VNF["spec"]["template"] | {"metadata": {"labels": {"app": "minimal"}, "annotations": {}}},
        "paused": False,
        "placement": {"antiAffinity": "Preferred", "topologyKey": "kubernetes.io/hostname"},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "scaleIn": {"policy": "HighestIndex", "preferUnhealthy": True},
        "recovery": {
            "backoff": {"initial": "10s", "max": "5m", "factor": 2},
            "stableAfter": "1m",
            "maxEarlyFailures": 5,
        },
        "progressDeadline": "10m",
    }


REFUSED: list[tuple[str, Any, str, str]] = [
    ("apiVersion", "nfvi-ha.io/v2", errors.WRONG_KIND, "apiVersion"),
    ("kind", "ReplicaSet", errors.WRONG_KIND, "kind"),
    ("metadata", ..., errors.INVALID_FIELD, "metadata"),
    ("metadata", "x", errors.INVALID_FIELD, "metadata"),
    ("metadata/name", ..., errors.INVALID_FIELD, "metadata.name"),
    ("metadata/name", "a" * (NAME_MAX_LENGTH + 1), errors.INVALID_NAME, "metadata.name"),
    ("metadata/name", "a.b", errors.INVALID_NAME, "metadata.name"),
    ("metadata/name", "a\n", errors.INVALID_NAME, "metadata.name"),
    ("metadata/name", "", errors.INVALID_NAME, "metadata.name"),
    ("spec", ..., errors.INVALID_FIELD, "spec"),
    ("spec", None, errors.INVALID_FIELD, "spec"),
    ("spec/replicas", -1, errors.INVALID_FIELD, "spec.replicas"),
    ("spec/replicas", 257, errors.INVALID_FIELD, "spec.replicas"),
    ("spec/replicas", "1", errors.INVALID_FIELD, "spec.replicas"),
    ("spec/replicas", 1.0, errors.INVALID_FIELD, "spec.replicas"),
    ("spec/replicas", True, errors.INVALID_FIELD, "spec.replicas"),
    ("spec/replicas", None, errors.INVALID_FIELD, "spec.replicas"),
    ("spec/paused", "yes", errors.INVALID_FIELD, "spec.paused"),
    ("spec/selector", ..., errors.INVALID_FIELD, "spec.selector"),
    ("spec/selector", {}, errors.SELECTOR_EMPTY, "spec.selector"),
    ("spec/selector", {"matchLabels": {}, "matchExpressions": []}, errors.SELECTOR_EMPTY, "spec.selector"),
    ("spec/selector", {"matchLabels": {"app": "other"}}, errors.SELECTOR_MISMATCH, "spec.selector"),
    ("spec/selector", {"matchLabels": {"app": "minimal", "b": "c"}}, errors.SELECTOR_MISMATCH, "spec.selector"),
    ("spec/selector", {"matchLabels": {"nfvi-ha.io/slot": "0"}}, errors.RESERVED_KEY, "spec.selector"),
    ("spec/selector", {"matchLabels": {"app": 5}}, errors.INVALID_FIELD, "spec.selector.matchLabels.app"),
    (
        "spec/selector",
        {"matchExpressions": [{"key": "b", "operator": "Exists"}]},
        errors.SELECTOR_MISMATCH,
        "spec.selector",
    ),
    (
        "spec/selector",
        {"matchExpressions": [{"key": "app", "operator": "In"}]},
        errors.SELECTOR_INVALID,
        "spec.selector.matchExpressions[0].values",
    ),
    (
        "spec/selector",
        {"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]},
        errors.INVALID_FIELD,
        "spec.selector.matchExpressions[0].operator",
    ),
    (
        "spec/selector",
        {"matchExpressions": [{"key": "kubevirt.io/nodeName", "operator": "DoesNotExist"}]},
        errors.RESERVED_KEY,
        "spec.selector",
    ),
    ("spec/template", ..., errors.INVALID_FIELD, "spec.template"),
    ("spec/template/spec", ..., errors.INVALID_FIELD, "spec.template.spec"),
    ("spec/template/spec", {}, errors.INVALID_FIELD, "spec.template.spec.domain"),
    ("spec/template/spec", {"domain": []}, errors.INVALID_FIELD, "spec.template.spec.domain"),
    ("spec/template/spec", [], errors.INVALID_FIELD, "spec.template.spec"),
    (
        "spec/template/spec",
        {"domain": {"x": "y" * MAX_BYTES}},
        errors.TEMPLATE_TOO_LARGE,
        "spec.template.spec",
    ),
    (
        "spec/template/metadata",
        {"labels": {"app": "minimal"}, "annotations": {"a": "y" * MAX_BYTES}},
        errors.TEMPLATE_TOO_LARGE,
        "spec.template.spec",
    ),
    ("spec/template/metadata", ..., errors.SELECTOR_MISMATCH, "spec.selector"),
    ("spec/template/metadata/labels", {"app": "-"}, errors.INVALID_FIELD, "spec.template.metadata.labels.app"),
    ("spec/template/metadata/labels", {"app": "minimal", "a b": "c"}, errors.INVALID_LABEL, "spec.template.metadata"),
    (
        "spec/template/metadata/labels",
        {"app": "minimal", "nfvi-ha.io/slot": "1"},
        errors.RESERVED_KEY,
        "spec.template.metadata.labels",
    ),
    *(
        (
            "spec/template/metadata/labels",
            {"app": "minimal", label: "x"},
            errors.RESERVED_KEY,
            "spec.template.metadata.labels",
        )
        for label in KUBEVIRT_LABELS
    ),
    (
        "spec/template/metadata/annotations",
        {"nfvi-ha.io/hmac": "x"},
        errors.RESERVED_KEY,
        "spec.template.metadata.annotations",
    ),
    ("spec/placement/antiAffinity", "Always", errors.INVALID_FIELD, "spec.placement.antiAffinity"),
    ("spec/placement/topologyKey", "", errors.INVALID_FIELD, "spec.placement.topologyKey"),
    ("spec/placement/spread", {}, errors.INVALID_FIELD, "spec.placement.spread.topologyKey"),
    (
        "spec/placement/spread",
        {"topologyKey": "z", "maxSkew": 0},
        errors.INVALID_FIELD,
        "spec.placement.spread.maxSkew",
    ),
    ("spec/updateStrategy/type", "Recreate", errors.INVALID_FIELD, "spec.updateStrategy.type"),
    (ROLLING, {"maxUnavailable": 0}, errors.ROLLOUT_STUCK, "spec.updateStrategy.rollingUpdate.maxUnavailable"),
    (ROLLING, {"maxUnavailable": "0%"}, errors.ROLLOUT_STUCK, "spec.updateStrategy.rollingUpdate.maxUnavailable"),
    *(
        (ROLLING, {"maxSurge": value}, errors.INVALID_FIELD, "spec.updateStrategy.rollingUpdate.maxSurge")
        for value in (-1, 257, True, 1.5, "5", "101%", "-1%", "01%", "1.5%", "%", "٣%", "1%\n", None, [])
    ),
    ("spec/scaleIn/policy", "Random", errors.INVALID_FIELD, "spec.scaleIn.policy"),
    ("spec/recovery/backoff", {"initial": "1h"}, errors.BACKOFF_ORDER, "spec.recovery.backoff.max"),
    ("spec/recovery/backoff", {"initial": "1ms"}, errors.INVALID_FIELD, "spec.recovery.backoff.initial"),
    ("spec/recovery/backoff", {"max": "25h"}, errors.INVALID_FIELD, "spec.recovery.backoff.max"),
    ("spec/recovery/backoff", {"factor": 0}, errors.INVALID_FIELD, "spec.recovery.backoff.factor"),
    ("spec/recovery/stableAfter", 60, errors.INVALID_FIELD, "spec.recovery.stableAfter"),
    ("spec/recovery/maxEarlyFailures", -1, errors.INVALID_FIELD, "spec.recovery.maxEarlyFailures"),
    ("spec/progressDeadline", "0s", errors.INVALID_FIELD, "spec.progressDeadline"),
    ("status", {"slots": [{"index": 0, "state": "Asleep"}]}, errors.INVALID_STATUS, "status.slots[0].state"),
    ("status", {"labelSelector": "app=old"}, errors.SELECTOR_CHANGED, "spec.selector"),
]


@pytest.mark.parametrize(("path", "value", "reason", "field"), REFUSED)
def test_bad_object_is_refused_with_reason_field_and_remedy(path: str, value: Any, reason: str, field: str) -> None:
    error = refused(changed(VNF, path, value))

    assert (error.reason, error.field) == (reason, field)
    assert len(error.message) > 15


@pytest.mark.parametrize("obj", [None, [], "x", 5, True, {}])
def test_what_is_no_object_is_refused(obj: object) -> None:
    assert refused(obj).reason == errors.INVALID_FIELD


def test_every_problem_beyond_the_first_is_counted() -> None:
    error = refused(changed(changed(VNF, "spec/replicas", -1), "spec/paused", 7))

    assert error.field == "spec.replicas"
    assert "(and 1 more)" in error.message


ACCEPTED: list[tuple[str, Any]] = [
    ("metadata/name", "a" * NAME_MAX_LENGTH),
    ("spec/replicas", 0),
    ("spec/replicas", 256),
    (ROLLING, {"maxUnavailable": 0, "maxSurge": 1}),
    (ROLLING, {"maxUnavailable": "0%", "maxSurge": "100%"}),
    ("spec/recovery/backoff", {"initial": "5m", "max": "5m"}),
    ("spec/recovery/stableAfter", "0s"),
    ("spec/template/metadata/annotations", {"nfvi-ha.io/report": "false", "example.com/x": "y"}),
    ("spec/template/metadata/labels", {"app": "minimal", "kubevirt.io/domain": "x", "nfvi-ha.io.example.com/x": ""}),
    ("spec/aFieldOfTomorrow", {"x": 1}),
    ("status", {"labelSelector": "app=minimal", "slots": [{"index": 511, "state": "Held", "attempt": 2**40}]}),
    ("status", {}),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_object_at_the_limits_is_accepted(path: str, value: Any) -> None:
    parse(changed(VNF, path, value))


def test_vm_and_pod_names_made_from_the_longest_name_fit() -> None:
    vm = f"{'a' * NAME_MAX_LENGTH}-{MAX_SLOTS - 1}-{10**18 - 1}"
    pod_stem = f"virt-launcher-{'a' * NAME_MAX_LENGTH}-{MAX_SLOTS - 1}"

    assert len(vm) <= 63
    assert len(pod_stem) <= 58


@pytest.mark.parametrize(
    ("unavailable", "surge", "replicas", "limits"),
    [
        (1, 0, 5, (1, 0)),
        ("25%", "25%", 5, (1, 2)),
        ("10%", 0, 5, (1, 0)),
        (0, "1%", 5, (0, 1)),
        ("100%", 0, 5, (5, 0)),
        ("50%", "50%", 0, (1, 0)),
    ],
)
def test_percentages_round_so_that_an_update_can_always_go_on(
    unavailable: int | str, surge: int | str, replicas: int, limits: tuple[int, int]
) -> None:
    assert RollingUpdate(max_unavailable=unavailable, max_surge=surge).limits(replicas) == limits


def test_every_state_of_the_planner_can_be_written() -> None:
    assert {state.value for state in snapshot.SlotState} <= set(get_args(SlotState))


def test_a_template_nested_deeper_than_can_be_written_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100):
        deep = {"x": deep}
    template = {"metadata": {"labels": {"app": "fw"}}, "spec": {"domain": {}, "hooks": deep}}
    spec = {"selector": {"matchLabels": {"app": "fw"}}, "template": template}
    with pytest.raises(InvalidObject) as refused:
        parse({"metadata": {"name": "fw", "namespace": "n"}, "spec": spec})
    assert refused.value.reason == "TemplateTooLarge"
    assert "64 levels" in refused.value.message
