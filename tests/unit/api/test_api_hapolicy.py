"""Policies: which nodes are meant, what is refused, and that the choice among them sees what it needs."""

from typing import Any

import pytest

from nfvi_ha.api import hapolicy
from nfvi_ha.api.errors import (
    CHECK_CONFLICT,
    DUPLICATE_NAME,
    INVALID_FIELD,
    MATCH_CONFLICT,
    SUSPECT_ORDER,
    InvalidObject,
)
from nfvi_ha.core.policy import overlapped, policy_of

from .samples import changed, example

FULL = example("hapolicy")
MINIMAL = example("hapolicy-minimal")


def policy(name: str, **spec: Any) -> hapolicy.HAPolicy:
    metadata = {"name": name, "creationTimestamp": "2026-01-15T10:20:30Z"}
    return hapolicy.parse({**MINIMAL, "metadata": metadata, "spec": spec})


def test_an_empty_policy_is_the_built_in_one() -> None:
    assert hapolicy.parse(MINIMAL).spec == hapolicy.DEFAULT
    assert hapolicy.parse({key: value for key, value in MINIMAL.items() if key != "spec"}).spec == hapolicy.DEFAULT


def test_an_empty_selector_means_every_node_and_labels_narrow_it_down() -> None:
    assert policy("all").selects({})
    compute = hapolicy.parse(FULL)
    assert compute.selects({"node-role.kubernetes.io/compute": ""})
    assert not compute.selects({"node-role.kubernetes.io/compute": "", "nfvi.example.com/retired": "yes"})
    assert not compute.selects({})


def test_the_choice_among_policies_takes_them_as_they_are_parsed() -> None:
    low = policy("low", priority=1)
    high = policy("high", priority=2, nodeSelector={"matchLabels": {"rack": "a"}})

    chosen = policy_of({"rack": "a"}, [low, high])
    assert chosen is high
    assert policy_of({"rack": "b"}, [low, high]) is low
    assert overlapped([{"rack": "a"}], [low, high]) == {"low": "high"}


@pytest.mark.parametrize(
    ("path", "value", "reason", "field"),
    [
        ("spec/heartbeat/suspectAfter", "200ms", INVALID_FIELD, "spec.heartbeat.suspectAfter"),
        ("spec/heartbeat/suspectAfter", "1s", SUSPECT_ORDER, "spec.heartbeat.suspectAfterSlow"),
        ("spec/heartbeat/confirmWithin", "soon", INVALID_FIELD, "spec.heartbeat.confirmWithin"),
        ("spec/stormProtection/minHealthyPercent", 101, INVALID_FIELD, "spec.stormProtection.minHealthyPercent"),
        ("spec/stormProtection/maxFailed", "3", INVALID_FIELD, "spec.stormProtection.maxFailed"),
        ("spec/goodbye/reboot", "2h", INVALID_FIELD, "spec.goodbye.reboot"),
        ("spec/taintFailedNodes", "yes", INVALID_FIELD, "spec.taintFailedNodes"),
        ("spec/watchedProcesses", [{"name": "a", "match": {}}], MATCH_CONFLICT, "spec.watchedProcesses[0].match"),
        (
            "spec/watchedProcesses",
            [{"name": "a", "match": {"executable": "a"}, "hang": {}}],
            CHECK_CONFLICT,
            "spec.watchedProcesses[0].hang",
        ),
        (
            "spec/watchedProcesses",
            [{"name": "a", "match": {"executable": "a"}}] * 2,
            DUPLICATE_NAME,
            "spec.watchedProcesses",
        ),
        (
            "spec/watchedProcesses",
            [{"name": "a", "match": {"executable": "a"}, "hang": {"http": {"port": 80, "path": "//other.example"}}}],
            None,
            "",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_its_field(path: str, value: object, reason: str | None, field: str) -> None:
    obj = changed(FULL, path, value)
    if reason is None:
        hapolicy.parse(obj)
        return
    with pytest.raises(InvalidObject) as caught:
        hapolicy.parse(obj)
    assert caught.value.reason == reason
    assert caught.value.field.startswith(field)
