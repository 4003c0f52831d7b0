"""Nodes as the sentinel reads them, whatever stands in them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.sentinel.scribe.entries import node_entry
from nfvi_ha.sentinel.scribe.host_view import host_view, read_addresses, write_addresses
from nfvi_ha.sentinel.scribe.views import seat_view

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=8,
)


def node(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "worker-1", "uid": "uid-1", "annotations": {}}, "spec": {}, "status": status}


def entry(obj: dict[str, Any]) -> dict[str, Any]:
    host = host_view(obj)
    assert host is not None
    return node_entry(host, governed=True, lease_stale=False, networks=("mgmt", "storage"))


def test_the_internal_address_is_the_one_on_the_first_network() -> None:
    addresses = [{"type": "Hostname", "address": "worker-1"}, {"type": "InternalIP", "address": "10.0.0.7"}]
    assert entry(node(addresses=addresses))["addresses"] == {"mgmt": "10.0.0.7"}


def test_the_annotation_goes_before_it_and_only_ip_addresses_of_it_are_used() -> None:
    obj = node(addresses=[{"type": "InternalIP", "address": "10.0.0.7"}])
    obj["metadata"]["annotations"] = {
        "nfvi-ha.io/addresses": '{"addresses": {"storage": "fd00::7", "mgmt": "metadata.internal", "x": 1}}'
    }
    assert entry(obj)["addresses"] == {"storage": "fd00::7"}


def test_the_kubelet_tells_its_port() -> None:
    assert entry(node(daemonEndpoints={"kubeletEndpoint": {"Port": 10251}}))["tcpPorts"] == [10251, 22]
    assert entry(node(daemonEndpoints={"kubeletEndpoint": {"Port": 0}}))["tcpPorts"] == [10250, 22]


@pytest.mark.parametrize(("status", "held"), [("True", True), ("False", False), ("Unknown", None)])
def test_our_marks_are_found_among_those_of_others(status: str, held: bool | None) -> None:
    obj = node(conditions=[{"type": "Ready", "status": "True"}, {"type": "NfviHaHypervisorFailed", "status": status}])
    obj["spec"]["taints"] = [{"key": "other", "effect": "NoExecute"}]
    host = host_view(obj)
    assert host is not None
    assert (host.marks.tainted, host.marks.condition) == (False, held)
    obj["spec"]["taints"].append({"key": "nfvi-ha.io/hypervisor-failed", "effect": "NoSchedule"})
    host = host_view(obj)
    assert host is not None
    assert host.marks.tainted


def test_what_is_announced_is_read_back() -> None:
    text = write_addresses({"mgmt": "10.0.0.1", "storage": "10.1.0.1"}, 7946)
    pod = {"metadata": {"name": "nfvi-ha-sentinel-2", "annotations": {"nfvi-ha.io/addresses": text}}}
    seat = seat_view(pod)
    assert seat is not None
    assert (seat.seat, seat.addresses, seat.port) == (2, (("mgmt", "10.0.0.1"), ("storage", "10.1.0.1")), 7946)


@pytest.mark.parametrize("name", ["nfvi-ha-sentinel-3", "sentinel", "nfvi-ha-sentinel-x", "nfvi-ha-sentinel-00", ""])
def test_a_pod_whose_name_has_no_seat_is_none(name: str) -> None:
    assert seat_view({"metadata": {"name": name}}) is None


@given(JSON)
def test_no_annotation_raises(value: Any) -> None:
    read_addresses(value)


@given(st.fixed_dictionaries({"metadata": JSON, "spec": JSON, "status": JSON}))
def test_no_node_and_no_pod_raises(obj: dict[str, Any]) -> None:
    host_view(obj)
    seat_view(obj)
