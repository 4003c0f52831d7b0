"""The rules in CEL and in Python say the same, whatever the object."""

import copy
import functools
import sys
from collections.abc import Iterator
from typing import Any

import celpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.schema import open_api
from nfvi_ha.api.structural import CEL_KEY
from nfvi_ha.api.vmtemplate import KUBEVIRT_LABELS

from .samples import MODELS, example

Schema = dict[str, Any]
RULES = {name: open_api(model) for name, model in MODELS.items()}


@functools.cache
def program(rule: str) -> celpy.Runner:
    limit = sys.getrecursionlimit()
    environment = celpy.Environment()
    sys.setrecursionlimit(limit)  # which celpy raises for the whole process
    return environment.program(environment.compile(rule))


def defaulted(schema: Schema, value: Any) -> Any:
    """What the API server makes of it before it checks rules."""
    if isinstance(value, list):
        return [defaulted(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for name, field in schema.get("properties", {}).items():
        if name not in result and "default" in field:
            result[name] = copy.deepcopy(field["default"])
        if name in result:
            result[name] = defaulted(field, result[name])
    return result


def broken(schema: Schema, value: Any) -> Iterator[str]:
    """Messages of the CEL rules that do not hold. A rule that cannot be evaluated does not hold."""
    for rule in schema.get(CEL_KEY, []):
        if "oldSelf" in rule["rule"]:
            continue
        try:
            holds = bool(program(rule["rule"]).evaluate({"self": celpy.json_to_cel(value)}))
        except celpy.CELEvalError:
            holds = False
        if not holds:
            yield str(rule["message"])
    for name, field in schema.get("properties", {}).items():
        if isinstance(value, dict) and name in value:
            yield from broken(field, value[name])
    for item in value if "items" in schema else ():
        yield from broken(schema["items"], item)


def by_cel(obj: dict[str, Any]) -> set[str]:
    schema = RULES[obj["kind"]]
    return set(broken(schema, defaulted(schema, obj)))


def by_model(obj: dict[str, Any]) -> InvalidObject | None:
    try:
        MODELS[obj["kind"]].parse(obj)
    except InvalidObject as error:
        return error
    return None


def agree(obj: dict[str, Any]) -> None:
    messages, refusal = by_cel(obj), by_model(obj)
    # What only one of them can see is not compared: the form of single fields, and rules without CEL.
    assume(refusal is None or refusal.reason not in {"InvalidField", "InvalidURL", "InvalidLabel"})
    if refusal is None:
        assert messages == set()
    else:
        assert refusal.message.partition(" (and ")[0] in {message.partition(" (and ")[0] for message in messages}


WITHOUT_RULES = {"Hypervisor"}
"""Kinds that nobody can set anything in."""
KEYS = st.sampled_from(["app", "tier", "nfvi-ha.io/slot", "nfvi-ha.iox/a", *KUBEVIRT_LABELS])
VALUES = st.sampled_from(["", "a", "b"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=3)
EXPRESSIONS = st.lists(
    st.fixed_dictionaries(
        {"key": KEYS, "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])},
        optional={"values": st.lists(VALUES, max_size=2)},
    ),
    max_size=2,
)
NUMBERS = st.sampled_from([0, 1, "0%", "1%", "100%"])
WAITS = st.sampled_from(["100ms", "0.2s", "1m", "60s", "1h", "1h30m"])


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional={"matchLabels": LABELS, "matchExpressions": EXPRESSIONS}),
    st.none() | st.fixed_dictionaries({}, optional={"labels": LABELS}),
)
def test_selector_rules_agree(selector: dict[str, Any], metadata: dict[str, Any] | None) -> None:
    obj = example("vnfreplicaset-minimal")
    obj["spec"]["selector"] = selector
    del obj["spec"]["template"]["metadata"]
    if metadata is not None:
        obj["spec"]["template"]["metadata"] = metadata
    agree(obj)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["nfvi-ha.io/report", "nfvi-ha.io/hmac", "a"]), VALUES))
def test_annotation_rules_agree(annotations: dict[str, str]) -> None:
    obj = example("vnfreplicaset-minimal")
    obj["spec"]["template"]["metadata"]["annotations"] = annotations
    agree(obj)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({}, optional={"maxUnavailable": NUMBERS, "maxSurge": NUMBERS}),
    st.fixed_dictionaries({}, optional={"initial": WAITS, "max": WAITS}),
)
def test_policy_rules_agree(rolling: dict[str, Any], backoff: dict[str, str]) -> None:
    obj = example("vnfreplicaset-minimal")
    obj["spec"] |= {"updateStrategy": {"rollingUpdate": rolling}, "recovery": {"backoff": backoff}}
    agree(obj)


@settings(deadline=None)
@given(
    st.sampled_from(["http://a/", "https://a/"]),
    st.fixed_dictionaries({}, optional={"allowInsecure": st.booleans()}),
    st.dictionaries(st.sampled_from(["hmac", "bearer", "basic", "mtls"]), st.just({"secretName": "s"})),
    st.fixed_dictionaries({}, optional={"initialBackoff": WAITS, "maxBackoff": WAITS}),
)
def test_endpoint_rules_agree(url: str, insecure: dict[str, bool], auth: dict[str, Any], retry: dict[str, str]) -> None:
    obj = example("vimendpoint-minimal")
    obj["spec"] = {"url": url, **insecure, "auth": auth, "retry": retry}
    agree(obj)


MATCHES: dict[str, Any] = {
    "systemdUnit": "a.service",
    "executable": "a",
    "arguments": ["-v"],
    "podLabels": {"app": "a"},
}
CHECKS: dict[str, Any] = {
    "http": {"port": 80},
    "libvirt": {"socket": "/run/a"},
    "cri": {"socket": "/run/a"},
    "ovs": {"socket": "/run/a"},
    "command": {"command": ["/bin/a"]},
}


@settings(max_examples=200, deadline=None)
@given(st.sets(st.sampled_from(sorted(MATCHES))), st.none() | st.sets(st.sampled_from(sorted(CHECKS)), max_size=2))
def test_rules_of_watched_processes_agree(matches: set[str], checks: set[str] | None) -> None:
    obj = example("hapolicy-minimal")
    process: dict[str, Any] = {"name": "a", "match": {key: MATCHES[key] for key in matches}}
    if checks is not None:
        process["hang"] = {key: CHECKS[key] for key in checks}
    obj["spec"]["watchedProcesses"] = [process]
    agree(obj)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(["300ms", "0.35s", "1s"]) for name in ("suspectAfter", "suspectAfterSlow")}
    )
)
def test_rules_of_heartbeats_agree(heartbeat: dict[str, str]) -> None:
    obj = example("hapolicy-minimal")
    obj["spec"]["heartbeat"] = heartbeat
    agree(obj)


@pytest.mark.parametrize("name", MODELS)
def test_every_rule_in_cel_can_be_compiled(name: str) -> None:
    def compiled(schema: Schema) -> int:
        rules = [program(rule["rule"]) for rule in schema.get(CEL_KEY, [])]
        inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return len(rules) + sum(compiled(field) for field in inner)

    assert (compiled(RULES[name]) == 0) == (name in WITHOUT_RULES)
