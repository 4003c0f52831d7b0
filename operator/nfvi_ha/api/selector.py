"""Label selectors: the metav1 shape, matching, and the text form that the scale subresource gives to autoscalers."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from nfvi_ha.api.errors import SELECTOR_INVALID
from nfvi_ha.api.model import ApiModel, Rule

LABEL_VALUE: Final = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_NAME: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_PREFIX: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
LABEL_KEY: Final = rf"^({_PREFIX}/)?{_NAME}$".replace("(?:", "(")
_KEY: Final = re.compile(rf"(?:(?P<prefix>{_PREFIX})/)?(?P<name>{_NAME})")

LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
Labels = Annotated[dict[str, LabelValue], Field(max_length=64)]


def is_label_key(key: str) -> bool:
    """Whether Kubernetes takes it as the key of a label or an annotation: ``[prefix/]name``."""
    match = _KEY.fullmatch(key)
    return match is not None and len(match["name"]) <= 63 and len(match["prefix"] or "") <= 253


class LabelRequirement(ApiModel):
    """One expression of a label selector."""

    rules = (
        Rule(
            reason=SELECTOR_INVALID,
            field="values",
            message="values go with In and NotIn, which need at least one, and not with Exists and DoesNotExist",
            holds=lambda self: bool(self.values) == (self.operator in {"In", "NotIn"}),
            cel="(has(self.values) && size(self.values) > 0) == (self.operator in ['In', 'NotIn'])",
        ),
    )

    key: Annotated[str, Field(min_length=1, max_length=317, pattern=LABEL_KEY)]
    """Label key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label's value relates to the values."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=64)] = ()
    """Values for In and NotIn."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels fulfils it, by Kubernetes' rules (NotIn holds without the label)."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case "In" | "NotIn":
                return f"{self.key} {self.operator.lower()} ({','.join(sorted(self.values))})"
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"


class LabelSelector(ApiModel):
    """Which objects are meant, by their labels. All entries must hold."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=32)] = Field(default_factory=dict)
    """Labels the object must have, with these values."""
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=16)] = ()
    """Expressions the object's labels must fulfil."""

    @property
    def empty(self) -> bool:
        """Whether it has no entry, which to Kubernetes means every object."""
        return not self.match_labels and not self.match_expressions

    @property
    def keys(self) -> frozenset[str]:
        """All label keys it looks at."""
        return frozenset(self.match_labels) | {expression.key for expression in self.match_expressions}

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            expression.matches(labels) for expression in self.match_expressions
        )

    def __str__(self) -> str:
        """The text form, as in ``kubectl get -l``; always the same for the same selector."""
        parts = [f"{key}={value}" for key, value in sorted(self.match_labels.items())]
        return ",".join(parts + sorted(str(expression) for expression in self.match_expressions))
