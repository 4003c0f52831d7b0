"""The values of the feed, made from what the cluster shows. Pure; ``lines.FeedKind`` says what each has."""

from collections.abc import Mapping, Sequence
from typing import Final

from nfvi_ha.api.names import ANNOTATION_RELEASE, ANNOTATION_REPORT, LABEL_SLOT, LABEL_ZONE
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.core.key_material import KeyMaterial
from nfvi_ha.core.views import VmView
from nfvi_ha.reporting.endpoint import secret_names
from nfvi_ha.reporting.record.incident_record import IncidentRecord, new_object, status_of
from nfvi_ha.sentinel.scribe.host_view import SSH_PORT, Addresses, HostView
from nfvi_ha.sentinel.scribe.lines import JsonObject

_SET_KIND: Final = "VNFReplicaSet"


def config_entry(cluster: str, keys: KeyMaterial, policy: JsonObject) -> JsonObject:
    """What holds for all of the cluster."""
    return {
        "cluster": cluster,
        "masterKeys": {str(identity): key.hex() for identity, key in sorted(keys.masters.items())},
        "voteKey": keys.vote.hex(),
        "policy": policy,
    }


def node_entry(host: HostView, *, governed: bool, lease_stale: bool, networks: Sequence[str]) -> JsonObject:
    """One node. Where nobody annotated its addresses, its InternalIP is the one on the first network."""
    node = host.node
    addresses = dict(host.addresses)
    if not addresses and networks and host.internal_ip:
        addresses = {networks[0]: host.internal_ip}
    return {
        "uid": node.uid,
        "bootID": node.boot_id,
        "zone": dict(node.labels).get(LABEL_ZONE, ""),
        "governed": governed,
        "addresses": addresses,
        "tcpPorts": [host.kubelet_port, SSH_PORT],
        "leaseStale": lease_stale,
    }


def vm_entry(vm: VmView) -> JsonObject:
    """One VM. ``going``: its end is no failure, for somebody asked for it, or it has ended, or it is moving away."""
    ours = vm.owner is not None and vm.owner.kind == _SET_KIND
    slot = vm.label(LABEL_SLOT)
    return {
        "namespace": vm.namespace,
        "name": vm.name,
        "node": vm.node,
        "vnf": vm.owner.name if ours and vm.owner else "",
        "slot": int(slot) if ours and slot.isascii() and slot.isdigit() else None,
        "report": vm.annotation(ANNOTATION_REPORT) != "false",
        "going": vm.deleting or vm.final or vm.migrating,
        "migrating": vm.migrating,
    }


def endpoint_entry(endpoint: VIMEndpoint, secrets: Mapping[str, JsonObject]) -> JsonObject:
    """One endpoint with the Secrets that it names, as far as they are there; no status, which changes all the time."""
    obj = endpoint.to_json()
    obj.pop("status", None)
    obj["metadata"] = {"name": endpoint.metadata.name, "uid": endpoint.metadata.uid}
    named = sorted(secret_names(endpoint.spec))
    return {"object": obj, "secrets": [secrets[name] for name in named if name in secrets]}


def incident_entry(record: IncidentRecord, cluster: str) -> JsonObject:
    """One record, in the form in which the hot process gives us its own."""
    obj = new_object(record.incident, record.namespace, cluster)
    obj["metadata"] = {"name": record.incident.id, "namespace": record.namespace, "uid": record.uid}
    if record.released_by:
        obj["metadata"]["annotations"] = {ANNOTATION_RELEASE: record.released_by}
    obj["status"] = status_of(record.incident, record.deliveries).to_json()
    return {"record": obj}


def seat_entry(addresses: Addresses, port: int) -> JsonObject:
    """Where a sentinel listens."""
    return {"addresses": dict(addresses), "port": port}
