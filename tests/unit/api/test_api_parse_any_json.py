"""Whatever JSON comes in, parsing gives a model or an InvalidObject, and agrees with the CRD."""

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.api.errors import ALL_REASONS, InvalidObject
from nfvi_ha.api.kind import KubeObject
from nfvi_ha.api.schema import KINDS, open_api

from .samples import EXAMPLE_NAMES, MODELS, example

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["0s", "5m", "100%", "https://a/", "http://a/", "app", "In", "None", "\ud800", "10000000h"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
)
VALIDATORS = {kind: jsonschema.Draft4Validator(open_api(kind)) for kind in KINDS}


def paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*above, key)
        yield from paths(inner, (*above, key))


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """An example in which up to three places have something else."""
    obj = full(draw(st.sampled_from(EXAMPLE_NAMES)))
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(paths(obj))))
        inner: Any = obj
        for part in above:
            inner = inner[part]
        inner[last] = draw(JSON)
    return obj


def full(name: str) -> dict[str, Any]:
    """An example with every field of its spec that has a default."""
    obj = copy.deepcopy(example(name))
    return {**obj, "spec": MODELS[obj["kind"]].parse(obj).to_json()["spec"]}


def outcome(model: type[KubeObject], obj: object) -> KubeObject | None:
    """The model, or None for a proper refusal; anything else is raised."""
    try:
        return model.parse(obj)
    except InvalidObject as error:
        refusal = error
    assert refusal.reason in ALL_REASONS
    assert refusal.message
    return None


@given(JSON)
def test_any_json_is_read_or_refused(obj: object) -> None:
    for model in KINDS:
        outcome(model, obj)


@given(damaged())
def test_damaged_object_is_read_or_refused(obj: dict[str, Any]) -> None:
    for model in KINDS:
        parsed = outcome(model, obj)
        if parsed is not None:
            assert model.parse(parsed.to_json()) == parsed


@given(damaged())
def test_what_the_model_takes_the_crd_takes(obj: dict[str, Any]) -> None:
    for model in KINDS:
        if (parsed := outcome(model, obj)) is not None:
            stored = {key: value for key, value in obj.items() if key != "status"}
            # The model reads null as absent where a field is optional; the API server drops or refuses it before.
            assert all(error.instance is None for error in VALIDATORS[model].iter_errors(stored))
            assert not list(VALIDATORS[model].iter_errors(parsed.to_json()))


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "value", [nested(100_000), 10**5000, "\ud800", float("nan")], ids=["deep", "large", "surrogate", "nan"]
)
@pytest.mark.parametrize("place", ["domain", "extra"])
def test_monstrous_template_is_read_or_refused(value: Any, place: str) -> None:
    obj = example("vnfreplicaset-minimal")
    obj["spec"]["template"]["spec"][place] = value
    outcome(MODELS["VNFReplicaSet"], obj)


@pytest.mark.parametrize("path", ["spec", "metadata", "status"])
@pytest.mark.parametrize("value", [nested(100_000), 10**5000, [[]] * 100_000], ids=["deep", "large", "long"])
def test_monstrous_part_is_read_or_refused(path: str, value: Any) -> None:
    for name in EXAMPLE_NAMES:
        obj = example(name)
        outcome(MODELS[obj["kind"]], {**obj, path: value})


def test_ten_thousand_problems_make_one_short_message() -> None:
    obj = example("vnfreplicaset-minimal")
    obj["spec"]["template"]["metadata"]["labels"] = {f"k{number}": "?" for number in range(50)}

    with pytest.raises(InvalidObject) as caught:
        MODELS["VNFReplicaSet"].parse(obj)

    assert len(str(caught.value)) < 300
