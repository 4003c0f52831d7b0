import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from nfvi_ha.agent import cache
from nfvi_ha.agent.spool import Spool

BOOT = "boot-1"


async def saved(spool: Spool) -> None:
    writer = asyncio.create_task(spool.run())
    await asyncio.wait_for(spool.flushed(), 10)
    writer.cancel()


def test_serials_are_set_aside_on_disk_before_the_first_is_used(tmp_path: Path) -> None:
    memory = Spool(tmp_path / "spool.json", BOOT).load()
    assert json.loads((tmp_path / "spool.json").read_text())["reserved"] > memory.next_serial


async def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "spool.json"
    spool = Spool(path, BOOT)
    spool.load().node_episode = 9
    spool.save()
    await saved(spool)
    assert Spool(path, BOOT).load().node_episode == 9
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["spool.json"]


async def test_saves_while_one_is_written_become_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.json", BOOT)
    memory = spool.load()
    for number in range(100):
        memory.node_episode = number
        spool.save()
    await saved(spool)
    assert spool.writes <= 3
    assert Spool(tmp_path / "spool.json", BOOT).load().node_episode == 99


def test_another_boot_starts_afresh(tmp_path: Path) -> None:
    first = Spool(tmp_path / "spool.json", BOOT)
    first.load().node_episode = 9
    cache.write(tmp_path / "spool.json", first.memory.to_json())
    second = Spool(tmp_path / "spool.json", "boot-2").load()
    assert (second.node_episode, second.next_serial) == (0, 1)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1, "bootId": "boot-1"}'])
def test_damaged_spool_is_put_aside_and_told(content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "spool.json").write_text(content)
    assert Spool(tmp_path / "spool.json", BOOT).load().next_serial == 1
    assert (tmp_path / "spool.damaged").read_text() == content
    assert "damaged" in caplog.text


async def test_disk_that_fails_is_counted_and_tried_again(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    spool = Spool(directory / "spool.json", BOOT)
    spool.load()
    spool.save()
    await saved(spool)
    assert spool.errors == 2
    directory.mkdir()
    spool.save()
    await saved(spool)
    assert (spool.errors, spool.writes) == (2, 1)


def test_cache_survives_a_write_that_fails(tmp_path: Path) -> None:
    cache.write(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        cache.write(tmp_path / "a.json", {"x": object()})
    assert cache.read(tmp_path / "a.json") == {"x": 1}


def test_no_cache_is_none(tmp_path: Path) -> None:
    assert cache.read(tmp_path / "none.json") is None
