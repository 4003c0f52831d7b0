"""Selectors match as Kubernetes' do, and have one text form."""

from typing import Any

import pytest
from pydantic import ValidationError

from nfvi_ha.api.selector import LabelSelector, is_label_key


def expression(operator: str, *values: str, key: str = "tier") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


MATCHES: list[tuple[dict[str, Any], dict[str, str], bool]] = [
    ({"matchLabels": {"app": "fw"}}, {"app": "fw", "x": "y"}, True),
    ({"matchLabels": {"app": "fw"}}, {"app": "other"}, False),
    ({"matchLabels": {"app": ""}}, {}, False),
    (expression("In", "a", "b"), {"tier": "b"}, True),
    (expression("In", "a", "b"), {}, False),
    (expression("NotIn", "a"), {"tier": "a"}, False),
    (expression("NotIn", "a"), {}, True),
    (expression("Exists"), {"tier": ""}, True),
    (expression("Exists"), {}, False),
    (expression("DoesNotExist"), {"tier": "a"}, False),
    (expression("DoesNotExist"), {}, True),
    ({"matchLabels": {"app": "fw"}, **expression("In", "a")}, {"app": "fw", "tier": "b"}, False),
]


@pytest.mark.parametrize(("selector", "labels", "matches"), MATCHES)
def test_selector_matches_as_in_kubernetes(selector: dict[str, Any], labels: dict[str, str], matches: bool) -> None:
    assert LabelSelector.model_validate(selector).matches(labels) is matches


def test_text_form_is_that_of_kubectl_and_does_not_depend_on_order() -> None:
    selector = LabelSelector.model_validate(
        {
            "matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["y", "x"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "new", "operator": "Exists"},
                {"key": "c", "operator": "NotIn", "values": ["z"]},
            ],
        }
    )

    assert str(selector) == "a=1,b=2,!old,c notin (z),new,tier in (x,y)"


@pytest.mark.parametrize("selector", [expression("In"), expression("NotIn"), expression("Exists", "a")])
def test_values_go_with_in_and_not_in_only(selector: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="values go with"):
        LabelSelector.model_validate(selector)


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("app", True),
        ("app.kubernetes.io/name", True),
        ("A_b-c.d", True),
        ("n" * 63, True),
        ("n" * 64, False),
        ("p" * 254 + "/n", False),
        ("", False),
        ("/n", False),
        ("a/", False),
        ("a/b/c", False),
        ("Upper/n", False),
        ("-a", False),
        ("a\n", False),
        ("ä", False),
    ],
)
def test_label_key(key: str, valid: bool) -> None:
    assert is_label_key(key) is valid
