import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.kube.depth import loads, prune

JSON = st.recursive(
    st.none() | st.integers(-5, 5) | st.text('"\\[]{}ab', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\[]{}', max_size=3), inner, max_size=3),
)


def cut(value: Any, levels: int) -> Any:
    """What pruning shall do, on parsed JSON."""
    if isinstance(value, list):
        return [cut(each, levels - 1) for each in value] if levels else None
    if isinstance(value, dict):
        return {key: cut(each, levels - 1) for key, each in value.items()} if levels else None
    return value


@given(JSON, st.integers(1, 4))
def test_pruning_cuts_what_is_too_deep_and_nothing_else(value: Any, levels: int) -> None:
    assert json.loads(prune(json.dumps(value).encode(), levels)) == cut(value, levels)


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 5000, b'{"a":' * 5000 + b"1", b"]" * 10, b'"abc', b"\xff"])
def test_what_is_no_json_stays_an_error(data: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        loads(data)
