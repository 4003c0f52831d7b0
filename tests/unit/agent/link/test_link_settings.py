from typing import Any

import pytest

from nfvi_ha.agent.probes.link.echo import EchoTarget
from nfvi_ha.agent.probes.link.settings import parse_target, read_settings

PATH = {"name": "ceph", "bond": "bond0", "targets": ["10.1.0.9:7946", "worker-2@10.1.0.10:7946"]}


def test_settings_as_people_write_them() -> None:
    settings = read_settings({"storagePaths": [PATH], "ignore": ["lab*"]})
    (path,) = settings.storage_paths
    assert (path.name, path.bond, path.period_ms) == ("ceph", "bond0", 50)
    assert read_settings({}).interfaces is None


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("10.1.0.9:7946", EchoTarget("10.1.0.9:7946", "10.1.0.9", 7946)),
        ("worker-2@10.1.0.9:7", EchoTarget("10.1.0.9:7", "10.1.0.9", 7, "worker-2")),
        ("[fd00::9]:7946", EchoTarget("[fd00::9]:7946", "fd00::9", 7946)),
    ],
)
def test_targets(text: str, target: EchoTarget) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["10.1.0.9", "10.1.0.256:7", "fd00::9:7946", "[10.1.0.9]:7", "a:0", "10.1.0.9:0", ""])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ValueError):
        parse_target(text)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"storagePaths": [PATH, PATH]}, "two have the same name"),
        ({"storagePaths": [{**PATH, "interfaces": ["eth0"]}]}, r"storagePaths.0: give either bond or interfaces"),
        ({"storagePaths": [{"name": "ceph"}]}, "give either bond or interfaces"),
        ({"storagePaths": [{**PATH, "targets": ["ceph-0:7"]}]}, "storagePaths.0.targets.0"),
        ({"storagePaths": [{**PATH, "periodMs": 5}]}, "periodMs"),
        ({"pollMs": "soon"}, "probes.link.pollMs"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_wrong_settings_are_refused_by_name(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_settings(raw)
