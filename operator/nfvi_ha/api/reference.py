"""The reference page of the kinds, in Markdown, from their schemas."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nfvi_ha.api.kind import KubeObject
from nfvi_ha.api.names import API_VERSION

_HEADER: Final = f"""<!-- Generated from operator/nfvi_ha/api by `make crds`. Do not edit. -->
# Kinds of {API_VERSION}

Durations are written like `500ms`, `30s`, `1m30s` or `24h`. Times are RFC 3339 in UTC. A field without a default is
absent unless it is given. Spec fields marked **required** must be given. The rules listed under a kind are checked by
the operator: an object that breaks one gets the condition `Accepted=False` with the reason and the field, and has no
other effect. From Kubernetes 1.25 on the API server refuses such an object at once, by all rules but those
marked "operator only".
"""


def page(schemas: Mapping[type[KubeObject], dict[str, Any]]) -> str:
    """The whole page, from each kind's openAPIV3Schema."""
    return "\n".join([_HEADER, *("\n".join(_kind(kind, schema)) for kind, schema in schemas.items())])


def _kind(kind: type[KubeObject], schema: dict[str, Any]) -> Iterator[str]:
    info = kind.info
    scope = "namespaced" if info.namespaced else "cluster-scoped"
    yield f"## {info.kind}\n"
    yield f"{schema['description']}\n"
    short = ", ".join(f"`{name}`" for name in info.short_names)
    yield f"`kubectl get {info.plural}`, short {short}; {scope}; name of at most {info.name_max_length} characters.\n"
    yield "Columns: " + ", ".join(column.name for column in info.columns if not column.priority) + ".\n"
    for part in ("spec", "status"):
        yield f"### {info.kind} {part}\n"
        yield "| Field | Type | Default | Meaning |"
        yield "|---|---|---|---|"
        yield from _rows(schema["properties"][part], part)
        yield ""
    rules = list(_rules(schema, ""))
    if rules:
        yield f"### {info.kind} rules\n"
        yield from (f"- `{path or info.kind}`: {message}" for path, message in rules)
        yield ""


def _rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        default = "**required**" if name in required and path.startswith("spec") else _default(field)
        meaning = field.get("description", "").replace("\n\n", " ").replace("|", "\\|")
        yield f"| `{where}` | {_type(field)} | {default} | {meaning} |"
        inner = field.get("items", field)
        yield from _rows(inner, f"{where}[]" if "items" in field else where)


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "number or percentage"
    if field.get("format") == "date-time":
        return "time"
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return str(field["type"]) + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    if field["type"] == "integer" and field.get("maximum", 2**31) < 2**31 - 1:
        return f" {field.get('minimum', 0)}..{field['maximum']}"
    return f" ≤ {field['maxLength']}" if field["type"] == "string" and "maxLength" in field else ""


def _default(field: dict[str, Any]) -> str:
    default = field.get("default", {})
    if default == {}:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _rules(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", []):
        yield path, rule["message"] + ("" if rule["rule"] else " (operator only)")
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        yield from _rules(field, inner)
        if "items" in field:
            yield from _rules(field["items"], f"{inner}[]")
