"""Where a pod goes: the part of kube-scheduler that VMs meet, as pure functions.

Filters in order: unschedulable, taints, node selector and required node affinity, free CPU/memory/pods, required pod
(anti-)affinity, required topology spread. The rest is scored: preferred anti-affinity and spread, then the emptiest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.lab.cluster.affinity import (
    Term,
    matches_expressions,
    node_terms,
    preferred_terms,
    required_terms,
    spread_terms,
)
from nfvi_ha.lab.objects import JsonObject, labels_of, name_of, namespace_of, phase_of, uid_of
from nfvi_ha.lab.quantity import milli_cores, whole

HOSTNAME: Final = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True)
class Requests:
    """What a pod takes of a node."""

    milli_cpu: int
    memory: int
    pods: int = 1


@dataclass(frozen=True, slots=True)
class NodeSlot:
    """A node as the scheduler sees it."""

    name: str
    labels: Mapping[str, str]
    allocatable: Requests
    taints: tuple[tuple[str, str, str], ...] = ()
    """(key, value, effect)."""
    unschedulable: bool = False


@dataclass(frozen=True, slots=True)
class PodSlot:
    """A pod as the scheduler sees it; ``node`` is "" while it waits."""

    uid: str
    namespace: str
    labels: Mapping[str, str]
    requests: Requests
    node: str = ""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    node_affinity: tuple[tuple[Mapping[str, Any], ...], ...] = ()
    """OR of ANDs of expressions; empty means any node."""
    affinity: tuple[Term, ...] = ()
    anti_affinity: tuple[Term, ...] = ()
    preferred: tuple[Term, ...] = ()
    """Preferred anti-affinity and ScheduleAnyway spread, with weights."""
    spread: tuple[Term, ...] = ()
    """DoNotSchedule spread, with ``max_skew``."""


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """Nowhere to go, in kube-scheduler's words."""

    message: str


def place(pod: PodSlot, nodes: Sequence[NodeSlot], placed: Iterable[PodSlot]) -> str | Unschedulable:
    """The node for the pod, given the pods already placed; ties are broken by name."""
    by_node: dict[str, list[PodSlot]] = {node.name: [] for node in nodes}
    for other in placed:
        if other.node in by_node:
            by_node[other.node].append(other)
    blockers = _blockers(pod, nodes, by_node)
    refused: dict[str, int] = {}
    fitting: list[NodeSlot] = []
    for node in nodes:
        reason = _refusal(pod, node) or _lacking(pod, node, by_node[node.name])
        reason = reason or _affinity_refusal(pod, node, nodes, by_node, blockers)
        if reason:
            refused[reason] = refused.get(reason, 0) + 1
        else:
            fitting.append(node)
    if not fitting:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
        return Unschedulable(f"0/{len(nodes)} nodes are available: {reasons or 'there are no nodes'}.")
    return min(fitting, key=lambda node: (*_cost(pod, node, nodes, by_node), node.name)).name


def _refusal(pod: PodSlot, node: NodeSlot) -> str:
    if node.unschedulable:
        return "node(s) were unschedulable"
    for taint in node.taints:
        if taint[2] in ("NoSchedule", "NoExecute") and not any(tolerates(item, taint) for item in pod.tolerations):
            return f"node(s) had taint {{{taint[0]}: {taint[1]}}}, that the pod didn't tolerate"
    if any(node.labels.get(key) != value for key, value in pod.node_selector.items()) or (
        pod.node_affinity and not any(matches_expressions(term, node.labels) for term in pod.node_affinity)
    ):
        return "node(s) didn't match Pod's node affinity"
    return ""


def _blockers(
    pod: PodSlot, nodes: Sequence[NodeSlot], by_node: Mapping[str, Sequence[PodSlot]]
) -> list[tuple[Term, NodeSlot]]:
    """The anti-affinity terms of placed pods that are about this pod, each with the node it speaks from."""
    return [
        (term, node)
        for node in nodes
        for other in by_node[node.name]
        for term in other.anti_affinity
        if term.selects(other.namespace, pod.namespace, pod.labels)
    ]


def _lacking(pod: PodSlot, node: NodeSlot, present: Sequence[PodSlot]) -> str:
    free = Requests(
        node.allocatable.milli_cpu - sum(other.requests.milli_cpu for other in present),
        node.allocatable.memory - sum(other.requests.memory for other in present),
        node.allocatable.pods - sum(other.requests.pods for other in present),
    )
    if pod.requests.milli_cpu > free.milli_cpu:
        return "Insufficient cpu"
    if pod.requests.memory > free.memory:
        return "Insufficient memory"
    return "Too many pods" if pod.requests.pods > free.pods else ""


def _affinity_refusal(
    pod: PodSlot,
    node: NodeSlot,
    nodes: Sequence[NodeSlot],
    by_node: Mapping[str, Sequence[PodSlot]],
    blockers: Sequence[tuple[Term, NodeSlot]],
) -> str:
    if any(_count(term, pod, _domain(term, node, nodes, by_node)) for term in pod.anti_affinity):
        return "node(s) didn't match pod anti-affinity rules"
    if any(term.same_domain(node.labels, other.labels) for term, other in blockers):
        return "node(s) didn't satisfy existing pods anti-affinity rules"
    for term in pod.affinity:
        matching = [o for n in nodes for o in by_node[n.name] if term.selects(pod.namespace, o.namespace, o.labels)]
        first_of_its_kind = not matching and term.selects(pod.namespace, pod.namespace, pod.labels)
        here = any(other in matching for other in _domain(term, node, nodes, by_node))
        if not (here or first_of_its_kind):
            return "node(s) didn't match pod affinity rules"
    for term in pod.spread:
        if _skew(term, pod, node, nodes, by_node) > term.max_skew:
            return "node(s) didn't match pod topology spread constraints"
    return ""


def _domain(
    term: Term, node: NodeSlot, nodes: Sequence[NodeSlot], by_node: Mapping[str, Sequence[PodSlot]]
) -> list[PodSlot]:
    """The pods in the node's topology domain."""
    return [pod for other in nodes if term.same_domain(node.labels, other.labels) for pod in by_node[other.name]]


def _count(term: Term, pod: PodSlot, present: Iterable[PodSlot]) -> int:
    return sum(1 for other in present if term.selects(pod.namespace, other.namespace, other.labels))


def _skew(
    term: Term, pod: PodSlot, node: NodeSlot, nodes: Sequence[NodeSlot], by_node: Mapping[str, Sequence[PodSlot]]
) -> int:
    counts: dict[str, int] = {}
    for other in nodes:
        domain = other.labels.get(term.topology_key)
        if domain is not None:
            counts[domain] = counts.get(domain, 0) + _count(term, pod, by_node[other.name])
    mine = node.labels.get(term.topology_key)
    if mine is None:
        return term.max_skew + 1
    return counts[mine] + 1 - min(counts.values())


def _cost(
    pod: PodSlot, node: NodeSlot, nodes: Sequence[NodeSlot], by_node: Mapping[str, Sequence[PodSlot]]
) -> tuple[float, float]:
    """(preferences broken, share of the node then taken); less is better."""
    broken = sum(term.weight * _count(term, pod, _domain(term, node, nodes, by_node)) for term in pod.preferred)
    present = by_node[node.name]
    memory = sum(other.requests.memory for other in present) + pod.requests.memory
    cpu = sum(other.requests.milli_cpu for other in present) + pod.requests.milli_cpu
    return broken, memory / max(1, node.allocatable.memory) + cpu / max(1, node.allocatable.milli_cpu)


def tolerates(toleration: Mapping[str, Any], taint: tuple[str, str, str]) -> bool:
    """Whether the toleration covers the taint (key, value, effect)."""
    key, value, effect = taint
    if toleration.get("effect") not in (None, "", effect):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != key:
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == value


def node_slot(node: JsonObject) -> NodeSlot:
    """The scheduler's view of a Node object.

    Raises:
        ValueError: an allocatable quantity cannot be read.
    """
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    spec = node.get("spec") or {}
    return NodeSlot(
        name=name_of(node),
        labels=labels_of(node),
        allocatable=Requests(
            milli_cores(allocatable.get("cpu", 0)),
            whole(allocatable.get("memory", 0)),
            whole(allocatable.get("pods", 0)),
        ),
        taints=tuple(
            (taint["key"], taint.get("value") or "", taint.get("effect") or "") for taint in spec.get("taints") or []
        ),
        unschedulable=bool(spec.get("unschedulable")),
    )


def pod_slot(pod: JsonObject) -> PodSlot | None:
    """The scheduler's view of a Pod object; None when it takes nothing any more.

    Raises:
        ValueError: a request cannot be read.
    """
    if phase_of(pod) in ("Succeeded", "Failed"):
        return None
    spec = pod["spec"]
    requests = [(item.get("resources") or {}).get("requests") or {} for item in spec.get("containers") or []]
    affinity = spec.get("affinity") or {}
    spread = spread_terms(spec.get("topologySpreadConstraints") or [])
    return PodSlot(
        uid=uid_of(pod),
        namespace=namespace_of(pod),
        labels=labels_of(pod),
        requests=Requests(
            sum(milli_cores(item.get("cpu", 0)) for item in requests),
            sum(whole(item.get("memory", 0)) for item in requests),
        ),
        node=spec.get("nodeName") or "",
        node_selector=spec.get("nodeSelector") or {},
        tolerations=tuple(spec.get("tolerations") or ()),
        node_affinity=node_terms(affinity),
        affinity=required_terms(affinity.get("podAffinity")),
        anti_affinity=required_terms(affinity.get("podAntiAffinity")),
        preferred=(*preferred_terms(affinity.get("podAntiAffinity")), *(term for term in spread if not term.required)),
        spread=tuple(term for term in spread if term.required),
    )
