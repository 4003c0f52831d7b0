"""Patches of Nodes: ours, and nothing of others, whatever else stands there."""

import copy
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.hypervisor_marks import Mark
from nfvi_ha.sentinel.scribe.node_patch import operations

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
TAINT = "nfvi-ha.io/hypervisor-failed"
CONDITION = "NfviHaHypervisorFailed"
Obj = dict[str, Any]

keys = st.sampled_from(["other/a", "node.kubernetes.io/unreachable", TAINT, "nfvi-ha.io/other"])
taints = st.lists(
    st.fixed_dictionaries({"key": keys, "effect": st.sampled_from(["NoSchedule", "NoExecute"])}), max_size=5
)
types = st.lists(st.sampled_from(["Ready", "DiskPressure", CONDITION]), max_size=3, unique=True)
conditions = types.flatmap(
    lambda names: st.tuples(
        *(
            st.fixed_dictionaries({"type": st.just(name), "status": st.sampled_from(["True", "False", "Unknown"])})
            for name in names
        )
    )
)


def node(taints: list[Obj] | None = None, conditions: list[Obj] | None = None) -> Obj:
    obj: Obj = {"metadata": {"name": "worker-1", "resourceVersion": "7"}, "spec": {}, "status": {}}
    if taints:
        obj["spec"]["taints"] = taints
    if conditions:
        obj["status"]["conditions"] = conditions
    return obj


def applied(obj: Obj, patch: list[Obj]) -> Obj:
    """JSON patch (RFC 6902), as much of it as is used."""
    result = copy.deepcopy(obj)
    for operation in patch:
        *path, last = operation["path"].strip("/").split("/")
        place: Any = result
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if operation["op"] == "remove":
            del place[int(last)]
        elif isinstance(place, list) and last == "-":
            place.append(operation["value"])
        elif isinstance(place, list):
            assert operation["op"] == "replace"
            place[int(last)] = operation["value"]
        else:
            place[last] = operation["value"]
    return result


def others(obj: Obj) -> Obj:
    rest = copy.deepcopy(obj)
    rest["spec"]["taints"] = [one for one in obj["spec"].get("taints", []) if one["key"] != TAINT]
    rest["status"]["conditions"] = [one for one in obj["status"].get("conditions", []) if one["type"] != CONDITION]
    return rest


def ours(obj: Obj) -> tuple[int, list[str]]:
    tainted = [one for one in obj["spec"].get("taints", []) if one["key"] == TAINT]
    return len(tainted), [one["status"] for one in obj["status"].get("conditions", []) if one["type"] == CONDITION]


@given(taints, conditions)
def test_nothing_of_others_is_touched_and_ours_is_as_decided(taints: list[Obj], conditions: tuple[Obj, ...]) -> None:
    before = node(taints, list(conditions))
    for mark in Mark:
        after = applied(before, operations(mark, before, "Failed: Silent", NOW))
        assert others(after) == others(before)
        count, statuses = ours(after)
        match mark:
            case Mark.ADD_TAINT:
                assert count >= 1
            case Mark.REMOVE_TAINT:
                assert count == 0
            case Mark.CONDITION_TRUE:
                assert statuses == ["True"]
            case Mark.CONDITION_FALSE:
                assert statuses == ["False"]
        assert operations(mark, after, "Failed: Silent", NOW) == []


def test_a_patch_is_for_the_version_that_was_read() -> None:
    patch = operations(Mark.ADD_TAINT, node(), "", NOW)
    assert patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    assert patch[1]["value"] == [{"key": TAINT, "effect": "NoSchedule"}]


def test_the_condition_says_why_and_since_when() -> None:
    patch = operations(Mark.CONDITION_TRUE, node(), "Hung: KernelAnswers", NOW)
    (condition,) = patch[1]["value"]
    assert condition == {
        "type": CONDITION,
        "status": "True",
        "reason": "HypervisorFailed",
        "message": "Hung: KernelAnswers",
        "lastHeartbeatTime": "2026-01-02T03:04:05Z",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }
