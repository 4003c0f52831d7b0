"""From pydantic's JSON schema to one that a CRD may have."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from nfvi_ha.api.structural import UnsupportedSchema, structural


class Inner(BaseModel):
    """An inner model."""

    size: int = 3


def field(annotation: Any, **settings: Any) -> dict[str, Any]:
    """The structural schema of a model's only field."""
    model = type("Outer", (BaseModel,), {"__annotations__": {"value": annotation}, **settings})
    return dict(structural(model.model_json_schema())["properties"]["value"])


def test_reference_is_inlined_and_what_stands_beside_it_wins() -> None:
    assert field(Annotated[Inner, Field(description="Mine.")]) == {
        "description": "Mine.",
        "type": "object",
        "properties": {"size": {"type": "integer", "default": 3, "format": "int64"}},
    }


def test_optional_is_the_type_itself_and_not_nullable() -> None:
    assert field(str | None, value=None) == {"type": "string"}
    assert field(Inner | None, value=None)["type"] == "object"


def test_int_or_string_has_no_type_and_keeps_the_bounds() -> None:
    bounded = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern="^x$")]

    assert field(bounded) == {"minimum": 0, "pattern": "^x$", "x-kubernetes-int-or-string": True}


@pytest.mark.parametrize("union", [int | bool, str | Inner, int | str | float, list[str] | dict[str, str]])
def test_other_unions_are_refused(union: Any) -> None:
    with pytest.raises(UnsupportedSchema, match=r"\.value: a CRD has no unions"):
        field(union)


class Tree(BaseModel):
    branches: "list[Tree]" = []


def test_recursion_is_refused() -> None:
    with pytest.raises(UnsupportedSchema, match="contains itself"):
        structural(Tree.model_json_schema())


def test_same_model_twice_is_no_recursion() -> None:
    model = type("Outer", (BaseModel,), {"__annotations__": {"a": Inner, "b": list[Inner]}})

    assert structural(model.model_json_schema())["properties"]["b"]["items"]["type"] == "object"


@pytest.mark.parametrize(
    ("constraint", "schema"),
    [
        (Field(gt=0), {"minimum": 0, "exclusiveMinimum": True, "format": "int64"}),
        (Field(lt=9), {"maximum": 9, "exclusiveMaximum": True, "format": "int64"}),
        (Field(ge=0, le=2**31 - 1), {"minimum": 0, "maximum": 2**31 - 1, "format": "int32"}),
        (Field(ge=0, le=2**31), {"minimum": 0, "maximum": 2**31, "format": "int64"}),
        (Field(ge=0, le=2**63 - 1), {"minimum": 0, "format": "int64"}),
    ],
)
def test_bounds_are_written_as_go_reads_them(constraint: Any, schema: dict[str, Any]) -> None:
    assert field(Annotated[int, constraint]) == {"type": "integer", **schema}


def test_constant_becomes_an_enumeration_of_one() -> None:
    assert field(Literal["only"]) == {"type": "string", "enum": ["only"]}


def test_free_object_keeps_unknown_fields() -> None:
    assert field(dict[str, Any]) == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert field(dict[str, str]) == {"type": "object", "additionalProperties": {"type": "string"}}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    known: str = ""


def test_forbidding_extra_fields_is_left_to_pruning() -> None:
    assert field(Strict) == {"type": "object", "properties": {"known": {"type": "string"}}}


def test_any_is_refused_because_it_has_no_type() -> None:
    with pytest.raises(UnsupportedSchema, match="no type"):
        field(Any)


def test_keyword_that_a_crd_lacks_is_refused() -> None:
    with pytest.raises(UnsupportedSchema, match="multipleOf"):
        field(Annotated[int, Field(multiple_of=2)])


class Documented(BaseModel):
    """First
    sentence.

    Second paragraph.
    """

    inner: Inner = Inner()
    empty: list[str] = []
    zero: int = 0


def test_wrapped_docstring_is_joined_and_paragraphs_stay() -> None:
    assert structural(Documented.model_json_schema())["description"] == "First sentence.\n\nSecond paragraph."


def test_defaults_are_sparse() -> None:
    fields = structural(Documented.model_json_schema())["properties"]

    assert fields["inner"]["default"] == {}
    assert "default" not in fields["empty"]
    assert fields["zero"]["default"] == 0
