"""What every API model has in common: camelCase on the wire, rules beside fields, numbers and flags read strictly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from nfvi_ha.api.duration import format_duration

JsonObject = dict[str, Any]

INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1

DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

Count = Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)]
BigCount = Annotated[int, Field(strict=True, ge=0, le=INT64_MAX)]
Flag = Annotated[bool, Field(strict=True)]
Word = Annotated[str, Field(max_length=63)]
"""A CamelCase reason or another short constant."""
Name = Annotated[str, Field(max_length=253)]
"""The name of an object as the API server has it; "" when there is none."""
Text = Annotated[str, Field(max_length=1024)]
"""A sentence for people."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A cross-field rule of one model, in two languages that say the same.

    ``holds`` is the rule in Python, checked whenever the model is built. ``cel`` is the rule for the API server
    (1.25 or newer), with the model's object as ``self``; None where CEL cannot say it or its cost has no bound.
    """

    reason: str
    field: str
    """Path of the field at fault, below the model ("template.metadata.labels")."""
    message: str
    """What is wrong and what to do."""
    holds: Callable[[Any], bool]
    cel: str | None = None


class ApiModel(BaseModel):
    """Base of all API models. Frozen; fields it does not know are dropped, as the API server prunes them.

    A field that is absent has its default; one that is null is refused unless it is optional.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        frozen=True,
        extra="ignore",
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    """Cross-field rules, in the order in which they are checked."""
    transitions: ClassVar[tuple[tuple[str, str], ...]] = ()
    """(CEL, message) of rules about a change, which only the API server can check."""

    @model_validator(mode="after")
    def _follow_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise PydanticCustomError(
                    "rule", "{problem}", {"problem": rule.message, "reason": rule.reason, "field": rule.field}
                )
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rules (those without CEL have None), and write durations' defaults as the API does."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, field in cls.model_fields.items():
            if isinstance(field.default, timedelta):
                properties[field.alias or name]["default"] = format_duration(field.default)
        validations = [{"rule": rule.cel, "message": rule.message} for rule in cls.rules]
        validations += [{"rule": cel, "message": message} for cel, message in cls.transitions]
        if validations:
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = validations
        return schema

    def to_json(self) -> JsonObject:
        """As the API server stores it: camelCase, no nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
