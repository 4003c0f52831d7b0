"""What the scribe may do at the API server, and why: the chart's roles grant this and nothing else.

A test runs the scribe with exactly these rights, so what is missing here fails there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from nfvi_ha.kube.resources import (
    EVENTS,
    HAPOLICIES,
    HYPERVISORS,
    INCIDENTS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    VIMENDPOINTS,
    VMIS,
    Resource,
)

JsonObject = dict[str, Any]


class Where(StrEnum):
    """In which part of the cluster a right holds."""

    CLUSTER = "cluster"
    OWN_NAMESPACE = "own namespace"
    NODE_LEASES = "kube-node-lease"
    DEFAULT = "default"
    KUBE_SYSTEM = "kube-system"


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on one resource (or on a subresource of it)."""

    resource: Resource
    verbs: tuple[str, ...]
    where: Where
    why: str
    subresource: str = ""
    names: tuple[str, ...] = ()
    """Of these objects only."""

    @property
    def rule(self) -> JsonObject:
        """As a rule of a Role or ClusterRole."""
        plural = self.resource.plural + (f"/{self.subresource}" if self.subresource else "")
        rule: JsonObject = {"apiGroups": [self.resource.group], "resources": [plural], "verbs": list(self.verbs)}
        return {**rule, "resourceNames": list(self.names)} if self.names else rule


_READ: Final = ("get", "list", "watch")
RIGHTS: Final[tuple[Right, ...]] = (
    Right(NODES, _READ, Where.CLUSTER, "the roster of hypervisors"),
    Right(NODES, ("patch",), Where.CLUSTER, "our taint, after the report of a quorum's verdict"),
    Right(NODES, ("patch",), Where.CLUSTER, "our condition, likewise", subresource="status"),
    Right(LEASES, _READ, Where.NODE_LEASES, "whether kubelets renew: an agent that is lost, or a host that hangs"),
    Right(LEASES, ("list",), Where.OWN_NAMESPACE, "which replicas of the operator live"),
    Right(VMIS, ("list", "watch"), Where.CLUSTER, "the VMs that are lost with a hypervisor"),
    Right(VIMENDPOINTS, ("list", "watch"), Where.CLUSTER, "where the sentinel delivers first"),
    Right(HAPOLICIES, ("list", "watch"), Where.CLUSTER, "which nodes are governed, by which figures"),
    Right(SECRETS, ("list", "watch"), Where.OWN_NAMESPACE, "credentials of endpoints, keys of beats and of Incidents"),
    Right(PODS, ("list", "watch"), Where.OWN_NAMESPACE, "where the other sentinels listen"),
    Right(PODS, ("patch",), Where.OWN_NAMESPACE, "the annotation on our own Pod that says where we listen"),
    Right(INCIDENTS, (*_READ, "create", "patch"), Where.CLUSTER, "records of what the sentinel saw"),
    Right(INCIDENTS, ("patch",), Where.CLUSTER, "their deliveries and steps", subresource="status"),
    Right(INCIDENTS, ("delete",), Where.OWN_NAMESPACE, "a stranger that took the name of a record"),
    Right(HYPERVISORS, (*_READ, "create"), Where.CLUSTER, "one for each governed node"),
    Right(HYPERVISORS, ("patch",), Where.CLUSTER, "what the sentinels hold it for", subresource="status"),
    Right(NAMESPACES, ("get",), Where.CLUSTER, "its uid names the cluster if nobody does", names=("kube-system",)),
    Right(EVENTS, ("create", "patch"), Where.DEFAULT, "Events on Nodes, which are kept there"),
    Right(EVENTS, ("create", "patch"), Where.KUBE_SYSTEM, "the same where the server is older than 1.21"),
)


def rules(where: Where, rights: Iterable[Right] = RIGHTS) -> list[JsonObject]:
    """The rules of the role for one part of the cluster."""
    return [right.rule for right in rights if right.where is where]
