import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import SentinelAddress
from nfvi_ha.agent.discovery import Discovery, Places, places
from nfvi_ha.kube.dispatcher import Change
from tests.unit.agent.waiting import eventually


def pod(
    name: str = "nfvi-ha-sentinel-1", addresses: Any = None, port: Any = 7946, **annotations: str
) -> dict[str, Any]:
    said = {"addresses": {"storage": "10.1.0.1", "management": "10.0.0.1"} if addresses is None else addresses}
    text = json.dumps(said | {"port": port})
    return {"metadata": {"name": name, "annotations": {"nfvi-ha.io/addresses": text} | annotations}}


PLACES = (SentinelAddress(1, "management", "10.0.0.1", 7946), SentinelAddress(1, "storage", "10.1.0.1", 7946))


def added(new: Places | None) -> Change[Places]:
    return Change("ADDED", None, new, 0.0, synthetic=False)


def test_seat_is_the_ordinal_and_addresses_come_from_the_annotation() -> None:
    assert places(pod()) == PLACES


@pytest.mark.parametrize("name", ["nfvi-ha-sentinel-3", "nfvi-ha-sentinel", "nfvi-ha-sentinel-x", ""])
def test_pod_without_a_seat_is_no_sentinel(name: str) -> None:
    assert places(pod(name)) is None


def test_pod_that_does_not_say_its_addresses_yet_is_left_out() -> None:
    assert places({"metadata": {"name": "nfvi-ha-sentinel-1"}}) is None


@pytest.mark.parametrize("bad", [{"addresses": {"management": "sentinel.example"}}, {"port": 0}, {"addresses": []}])
def test_nonsense_in_the_annotation_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises((ValueError, AttributeError)):
        places(pod(**bad))


async def test_changes_are_told_and_kept(tmp_path: Path) -> None:
    told: list[Places] = []
    cached = tmp_path / "sentinels.json"
    discovery = Discovery("ns", cached, told.append, CollectorRegistry())
    discovery._changed(added(PLACES))
    discovery._changed(added(PLACES))
    discovery._changed(Change("DELETED", PLACES, None, 0.0, synthetic=False))
    assert told == [PLACES], "a seat that is away keeps its address"
    await eventually(cached.exists)
    again: list[Places] = []
    other = Discovery("ns", cached, again.append, CollectorRegistry())
    other.recall()
    assert again == [PLACES]
    moved = (SentinelAddress(0, "management", "10.0.0.9", 7946),)
    other._changed(added(moved))
    assert again[-1] == moved + PLACES, "what is cached of the others stays"


def test_damaged_cache_is_told_and_harmless(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sentinels.json").write_text('[["x"]]')
    told: list[Places] = []
    Discovery("ns", tmp_path / "sentinels.json", told.append, CollectorRegistry()).recall()
    assert told == []
    assert "not used" in caplog.text
