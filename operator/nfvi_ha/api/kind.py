"""What a kind of ours is to the API server, and how an object of it is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import Field, PrivateAttr, ValidationError

from nfvi_ha.api.errors import INVALID_FIELD, INVALID_NAME, INVALID_STATUS, WRONG_KIND, InvalidObject
from nfvi_ha.api.model import DNS_SUBDOMAIN, ApiModel, BigCount, JsonObject
from nfvi_ha.api.names import API_VERSION
from nfvi_ha.api.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``. ``type`` is string, integer or date (shown as an age); priority 1 is ``-o wide``."""

    name: str
    json_path: str
    type: str = "string"
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where the scale subresource finds its numbers."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    label_selector: str = ".status.labelSelector"


@dataclass(frozen=True, slots=True)
class KindInfo:
    """Names, scope and table of one kind. ``name_pattern`` and ``name_max_length`` bound ``metadata.name``."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    namespaced: bool
    columns: tuple[Column, ...]
    categories: tuple[str, ...] = ("nfvi-ha",)
    scale: ScalePaths | None = None
    name_pattern: str = DNS_SUBDOMAIN
    name_max_length: int = 253


class OwnerReference(ApiModel):
    """An owner of an object, as metav1.OwnerReference."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(ApiModel):
    """The part of metav1.ObjectMeta that we read."""

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: BigCount = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: Stamp | None = None
    deletion_timestamp: Stamp | None = None


class KubeObject(ApiModel):
    """Base of our kinds. Subclasses add ``spec`` and an optional ``status``."""

    info: ClassVar[KindInfo]
    needs_status: ClassVar[bool] = False
    """Whether an object whose stored status cannot be read is refused. Otherwise it is read without."""
    metadata: ObjectMeta
    _status_problem: InvalidObject | None = PrivateAttr(default=None)

    @property
    def status_problem(self) -> InvalidObject | None:
        """Why the stored status was left out (it is then None), or None. For a log line and a metric.

        A status is our own writing. Where it can be built anew, one that cannot be read (say, after going back to an
        older release) must not make us deaf to the spec.
        """
        return self._status_problem

    def to_json(self) -> JsonObject:
        """The whole object, with apiVersion and kind, and of the metadata only what is set."""
        metadata = self.metadata.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
        return {"apiVersion": API_VERSION, "kind": self.info.kind, **super().to_json(), "metadata": metadata}

    @classmethod
    def parse(cls, obj: object) -> Self:
        """Read a Kubernetes object.

        Raises:
            InvalidObject: it must not be acted on. Nothing else is raised, whatever the JSON.
        """
        fields = _checked(cls.info, obj)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            problems = _errors(error)
        if any(not _within_status(problem) for problem in problems):
            raise _invalid([problem for problem in problems if not _within_status(problem)])
        if cls.needs_status:
            problem = _invalid(problems)
            remedy = "run the release that wrote it, or remove it from the status"
            raise InvalidObject(INVALID_STATUS, problem.field, f"{problem.message}; {remedy}")
        parsed = cls.parse({key: value for key, value in fields.items() if key != "status"})
        parsed._status_problem = _invalid(problems)
        return parsed


KubeObjectT = TypeVar("KubeObjectT", bound=KubeObject)

_REMEDIES: Final = {
    "missing": "add it",
    "string_type": "write it in quotes",
    "int_type": "write a whole number without quotes",
    "bool_type": "write true or false without quotes",
    "dict_type": "write a map of names and values",
    "model_type": "write a map of fields",
    "model_attributes_type": "write a map of fields",
    "tuple_type": "write a list",
    "string_too_long": "shorten it",
    "string_pattern_mismatch": "see `kubectl explain` for its form",
}


def _checked(info: KindInfo, obj: object) -> dict[str, Any]:
    """The object as a dict of the right kind with a name that we allow."""
    if not isinstance(obj, dict):
        raise InvalidObject(INVALID_FIELD, "", f"not an object; give a {info.kind} in JSON or YAML")
    for key, wanted in (("apiVersion", API_VERSION), ("kind", info.kind)):
        if obj.get(key, wanted) != wanted:
            raise InvalidObject(WRONG_KIND, key, f"must be {wanted}; this is not a {info.kind} that we know")
    metadata = obj.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if isinstance(name, str):
        _check_name(info, name)
    return obj


def _check_name(info: KindInfo, name: str) -> None:
    if len(name) > info.name_max_length:
        message = (
            f"longer than {info.name_max_length} characters, the most a {info.kind} may have; choose a shorter name"
        )
        raise InvalidObject(INVALID_NAME, "metadata.name", message)
    # \Z, not $: Python's $ would let a trailing newline through.
    if not re.match(info.name_pattern.removesuffix("$") + r"\Z", name):
        message = f"must match {info.name_pattern}: lower-case letters, digits and '-' only; choose another name"
        raise InvalidObject(INVALID_NAME, "metadata.name", message)


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_input=False))


def _within_status(problem: Any) -> bool:
    return bool(problem["loc"]) and problem["loc"][0] == "status"


def _invalid(problems: Sequence[Any]) -> InvalidObject:
    """The first problem in our words; the others are counted."""
    first, more = problems[0], len(problems) - 1
    context = first.get("ctx", {})
    loc = [*first["loc"], *str(context.get("field", "")).split(".")] if first["type"] == "rule" else list(first["loc"])
    message = str(first["msg"]).replace("Input should", "must")
    remedy = _REMEDIES.get(first["type"])
    text = f"{message}; {remedy}" if remedy else message
    reason = str(context.get("reason", INVALID_FIELD))
    return InvalidObject(reason, _path(loc), text + (f" (and {more} more)" if more else ""))


def _path(loc: Sequence[str | int]) -> str:
    """A location as a user writes it: ("spec", "slots", 2, "vmi") is "spec.slots[2].vmi"."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part and part != "[key]":
            path += f".{part}" if path else part
    return path
