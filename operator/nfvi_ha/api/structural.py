"""From a pydantic JSON schema to what apiextensions/v1 calls structural.

Every reference is inlined; there are no unions and no nulls, one type everywhere; what is not allowed in a CRD is
dropped, and what cannot be expressed in one is refused.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from nfvi_ha.api.model import INT32_MAX, INT64_MAX

Schema = dict[str, Any]

CEL_KEY: Final = "x-kubernetes-validations"
_KEPT: Final[tuple[str, ...]] = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    CEL_KEY,
)
"""Keywords that go into the CRD, in this order; properties, items and additionalProperties follow."""
_DROPPED: Final = frozenset({"title", "examples", "discriminator", "deprecated", "readOnly", "const", "$defs"})


class UnsupportedSchema(TypeError):  # noqa: N818 - says what the schema is
    """A model has something that a CRD cannot express."""


def structural(schema: Schema, definitions: Mapping[str, Schema] | None = None, path: str = "") -> Schema:
    """A structural schema from a pydantic JSON schema (serialisation by alias).

    Raises:
        UnsupportedSchema: a union, a recursion or a keyword that a CRD cannot express; the message has the path.
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    return _structural(schema, definitions, path, ())


def _structural(schema: Schema, definitions: Mapping[str, Schema], path: str, above: tuple[str, ...]) -> Schema:
    schema, above = _inlined(schema, definitions, path, above)
    schema, above = _inlined(_without_union(schema, path), definitions, path, above)
    known = {*_KEPT, *_DROPPED, "properties", "items", "additionalProperties"}
    if unknown := schema.keys() - known:
        raise UnsupportedSchema(f"{path}: a CRD cannot say {sorted(unknown)}")
    result = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if "description" in result:
        result["description"] = _joined(result["description"])
    _with_bounds(result)
    if "properties" in schema:
        result["properties"] = {
            name: _structural(field, definitions, f"{path}.{name}", above)
            for name, field in schema["properties"].items()
        }
        _with_sparse_defaults(result["properties"])
        if not result["properties"]:
            del result["properties"]  # the API server drops what is empty, and would take ours for a change each time
    elif isinstance(schema.get("additionalProperties"), dict):
        values = schema["additionalProperties"]
        result["additionalProperties"] = _structural(values, definitions, f"{path}.*", above)
    elif schema.get("type") == "object":
        result["x-kubernetes-preserve-unknown-fields"] = True
    if "items" in schema:
        result["items"] = _structural(schema["items"], definitions, f"{path}[]", above)
    if "type" not in result and "x-kubernetes-int-or-string" not in result:
        raise UnsupportedSchema(f"{path}: has no type; annotate it with one")
    return result


def _inlined(
    schema: Schema, definitions: Mapping[str, Schema], path: str, above: tuple[str, ...]
) -> tuple[Schema, tuple[str, ...]]:
    """The schema with its reference replaced by the target; what stands beside the reference wins."""
    if "$ref" not in schema:
        return schema, above
    name = schema["$ref"].rpartition("/")[2]
    if name in above:
        raise UnsupportedSchema(f"{path}: {name} contains itself; a CRD cannot be recursive")
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**definitions[name], **beside}, (*above, name)


def _without_union(schema: Schema, path: str) -> Schema:
    """``X | None`` is X (absent instead of null); ``int | str`` is Kubernetes' int-or-string; no others."""
    if "anyOf" not in schema:
        return schema
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    members = [member for member in schema["anyOf"] if member != {"type": "null"}]
    if len(members) == 1:
        if beside.get("default", ...) is None:
            del beside["default"]
        return {**members[0], **beside}
    if sorted(member.get("type", "") for member in members) == ["integer", "string"]:
        bounds = {key: value for member in members for key, value in member.items() if key != "type"}
        return {**bounds, "x-kubernetes-int-or-string": True, **beside}
    raise UnsupportedSchema(f"{path}: a CRD has no unions; make the variants optional fields and add a rule")


def _with_bounds(schema: Schema) -> None:
    """Bounds as JSON schema draft 4 and Go write them."""
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in schema:
            schema[bound.lower()] = schema[f"exclusive{bound}"]
            schema[f"exclusive{bound}"] = True
    if schema.get("type") == "integer":
        small = schema.get("minimum", -math.inf) >= -INT32_MAX and schema.get("maximum", math.inf) <= INT32_MAX
        schema["format"] = "int32" if small else "int64"
        if schema.get("maximum") == INT64_MAX:
            del schema["maximum"]  # the API server reads bounds as floats, which cannot hold it


def _with_sparse_defaults(properties: dict[str, Schema]) -> None:
    """A model's default is {} where its fields have their own, and nothing that is empty is filled in."""
    for field in properties.values():
        nested = any("default" in inner for inner in field.get("properties", {}).values())
        if nested and "default" in field:
            field["default"] = {}
        elif field.get("default", ...) in ("", [], {}, ()) or field.get("properties"):
            field.pop("default", None)


def _joined(text: str) -> str:
    """A docstring without its line breaks; paragraphs stay."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def without(schema: Any, key: str) -> Any:
    """The schema without a keyword, at any depth (a property of that name stays)."""
    if isinstance(schema, list):
        return [without(item, key) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {field: without(inner, key) for field, inner in value.items()}
        if name == "properties"
        else without(value, key)
        for name, value in schema.items()
        if name != key
    }
