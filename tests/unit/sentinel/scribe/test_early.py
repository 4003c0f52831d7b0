"""Orders that wait for the API server take no more memory than there are things to speak of."""

from nfvi_ha.sentinel.scribe.early import EarlyOrders
from nfvi_ha.sentinel.scribe.lines import JsonObject


def record(name: str, serial: int) -> JsonObject:
    return {"record": {"metadata": {"name": name}}, "serial": serial}


def test_the_newest_order_about_each_thing_is_kept_in_the_order_of_their_coming() -> None:
    early = EarlyOrders()
    for serial in range(1000):
        early.put(record("a", serial))
        early.put({"hypervisor": {"node": "worker-1", "state": str(serial)}})
        early.put({"seats": [0, serial]})
    early.put(record("b", 1))
    early.put(record("a", 1000))
    assert early.take() == [
        {"hypervisor": {"node": "worker-1", "state": "999"}},
        {"seats": [0, 999]},
        record("b", 1),
        record("a", 1000),
    ]
    assert early.take() == []


def test_events_of_one_node_for_other_reasons_are_other_ones() -> None:
    early = EarlyOrders()
    for reason in ("HypervisorUp", "HypervisorFailed", "HypervisorUp"):
        early.put({"event": {"node": "worker-1", "type": "Normal", "reason": reason, "note": ""}})
    assert len(early.take()) == 2


def test_what_cannot_be_understood_is_kept_for_whoever_says_so() -> None:
    early = EarlyOrders()
    early.put({"record": "no object"})
    early.put({"nonsense": 1})
    assert early.take() == [{"record": "no object"}, {"nonsense": 1}]
