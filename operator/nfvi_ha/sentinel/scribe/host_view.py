"""A Node as the sentinel needs it: beyond what all read of it, where it is reached."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import orjson

from nfvi_ha.api.names import ANNOTATION_ADDRESSES, CONDITION_HYPERVISOR_FAILED, TAINT_HYPERVISOR_FAILED
from nfvi_ha.core.hypervisor_marks import NodeMarks
from nfvi_ha.core.views import NodeView
from nfvi_ha.kube.views import node_view

JsonObject = dict[str, Any]
Addresses = tuple[tuple[str, str], ...]
"""(network, IP address) pairs, sorted."""

KUBELET_PORT: Final = 10250
SSH_PORT: Final = 22


@dataclass(frozen=True, slots=True)
class HostView:
    """A Node: ``node`` as everybody sees it, and its addresses and ports."""

    node: NodeView
    internal_ip: str = ""
    """The first InternalIP."""
    addresses: Addresses = ()
    """From the annotation ``nfvi-ha.io/addresses``; () where there is none that can be read."""
    kubelet_port: int = KUBELET_PORT
    marks: NodeMarks = NodeMarks("", tainted=False, condition=None)  # noqa: RUF009 - frozen
    """What is marked on it by sentinels."""


def host_view(obj: JsonObject) -> HostView | None:
    """A Node (or None when it has no name). Never raises: what is malformed counts as absent."""
    node = node_view(obj)
    if node is None:
        return None
    status = _dict(obj.get("status"))
    annotations = _dict(_dict(obj.get("metadata")).get("annotations"))
    return HostView(
        node=node,
        internal_ip=_internal_ip(status),
        addresses=read_addresses(annotations.get(ANNOTATION_ADDRESSES))[0],
        kubelet_port=_kubelet_port(status),
        marks=NodeMarks(
            boot_id=node.boot_id,
            tainted=any(key == TAINT_HYPERVISOR_FAILED for key, _ in node.taints),
            condition=_condition(status),
        ),
    )


def read_addresses(text: object) -> tuple[Addresses, int]:
    """The annotation ``nfvi-ha.io/addresses``, ``{"addresses": {network: ip}, "port": n}``; () and 0 if it is none.

    What is in it decides whom we send probes to, so anything but IP addresses is left out.
    """
    try:
        content = _dict(orjson.loads(text)) if isinstance(text, str) else {}
    except orjson.JSONDecodeError:
        content = {}
    port = content.get("port")
    usable = isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536
    pairs = ((network, ip) for network, ip in _dict(content.get("addresses")).items() if _is_ip(ip))
    return tuple(sorted(pairs)), port if usable and isinstance(port, int) else 0


def write_addresses(addresses: dict[str, str], port: int) -> str:
    """The text of the annotation."""
    content = {"addresses": addresses, "port": port}
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def _internal_ip(status: JsonObject) -> str:
    entries = status.get("addresses")
    for entry in entries if isinstance(entries, list) else ():
        address = _dict(entry)
        if address.get("type") == "InternalIP" and _is_ip(address.get("address")):
            return str(address["address"])
    return ""


def _kubelet_port(status: JsonObject) -> int:
    port = _dict(_dict(status.get("daemonEndpoints")).get("kubeletEndpoint")).get("Port")
    usable = isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536
    return port if usable and isinstance(port, int) else KUBELET_PORT


def _condition(status: JsonObject) -> bool | None:
    entries = status.get("conditions")
    for entry in entries if isinstance(entries, list) else ():
        if _dict(entry).get("type") == CONDITION_HYPERVISOR_FAILED:
            return {"True": True, "False": False}.get(str(entry.get("status")))
    return None


def _is_ip(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _dict(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
