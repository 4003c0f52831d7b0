"""Label selectors, node selector expressions and affinity terms of pods, as the scheduler reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Term:
    """One pod (anti-)affinity term or topology spread constraint."""

    topology_key: str
    match_labels: tuple[tuple[str, str], ...]
    expressions: tuple[Mapping[str, Any], ...] = ()
    namespaces: tuple[str, ...] = ()
    """Empty: the namespace of the pod that has the term."""
    weight: int = 1
    max_skew: int = 1
    required: bool = True

    def selects(self, own_namespace: str, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether the term of a pod in ``own_namespace`` is about a pod in ``namespace`` with these labels."""
        return (
            namespace in (self.namespaces or (own_namespace,))
            and all(labels.get(key) == value for key, value in self.match_labels)
            and matches_expressions(self.expressions, labels)
        )

    def same_domain(self, left: Mapping[str, str], right: Mapping[str, str]) -> bool:
        """Whether two nodes' labels put them into one topology domain."""
        return self.topology_key in left and left.get(self.topology_key) == right.get(self.topology_key)


def matches_expressions(expressions: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> bool:
    """Whether labels meet all expressions; an operator that is not known meets nothing."""
    return all(_matches(item, labels) for item in expressions)


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def node_terms(affinity: Mapping[str, Any]) -> tuple[tuple[Mapping[str, Any], ...], ...]:
    """Required node affinity: OR of ANDs of expressions (``matchFields`` are not read)."""
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return tuple(tuple(term.get("matchExpressions") or ()) for term in required.get("nodeSelectorTerms") or ())


def required_terms(rules: Mapping[str, Any] | None) -> tuple[Term, ...]:
    """The required terms of ``podAffinity`` or ``podAntiAffinity``."""
    return tuple(_term(item) for item in (rules or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or ())


def preferred_terms(rules: Mapping[str, Any] | None) -> tuple[Term, ...]:
    """The preferred terms, with their weights."""
    return tuple(
        _term(item.get("podAffinityTerm") or {}, weight=int(item.get("weight") or 1), required=False)
        for item in (rules or {}).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    )


def spread_terms(constraints: Iterable[Mapping[str, Any]]) -> tuple[Term, ...]:
    """Topology spread constraints; ``required`` ones are DoNotSchedule."""
    return tuple(
        _term(
            item,
            max_skew=int(item.get("maxSkew") or 1),
            required=item.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
        )
        for item in constraints
    )


def _term(item: Mapping[str, Any], *, weight: int = 1, max_skew: int = 1, required: bool = True) -> Term:
    selector = item.get("labelSelector") or {}
    return Term(
        topology_key=item.get("topologyKey") or "",
        match_labels=tuple(sorted((selector.get("matchLabels") or {}).items())),
        expressions=tuple(selector.get("matchExpressions") or ()),
        namespaces=tuple(item.get("namespaces") or ()),
        weight=weight,
        max_skew=max_skew,
        required=required,
    )
