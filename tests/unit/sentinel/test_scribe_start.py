"""A scribe that starts knows nothing: what holds now is said to it, in the order in which it needs it."""

import os
import signal
from pathlib import Path
from typing import Any

import orjson

from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.sentinel.app import Sentinel

from .desk import fault
from .site import until

NODE = "worker-1"


class Scribes:
    """Stand-ins for the scribe, one after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._killed: set[int] = set()

    def lines(self) -> list[dict[str, Any]]:
        """What the one that lives was told."""
        living = [path for path in self._directory.glob("*.scribe") if int(path.stem) not in self._killed]
        return [orjson.loads(line) for path in living for line in path.read_bytes().splitlines()]

    def kill(self) -> None:
        for path in self._directory.glob("*.scribe"):
            if int(path.stem) not in self._killed:
                os.kill(int(path.stem), signal.SIGKILL)
                self._killed.add(int(path.stem))


async def test_a_scribe_that_comes_back_is_told_first_who_is_there_then_all_that_holds(
    sentinel: Sentinel, tmp_path: Path
) -> None:
    scribes = Scribes(tmp_path)
    await until(lambda: sentinel.scribe.connected, "the first scribe")
    sentinel.teller.raise_fault(fault())
    sentinel.reports.state(NODE, NodeState.FAILED, "Silent")

    def told(*kinds: str) -> bool:
        sentinel.seats.heard(1, 1, sentinel.clock.monotonic())
        sentinel.chores.tick(sentinel.clock.monotonic())
        return {next(iter(line)) for line in scribes.lines()} >= set(kinds)

    await until(lambda: told("seats", "record", "hypervisor"), "the first scribe to be told all")
    scribes.kill()
    await until(lambda: told("seats", "record", "hypervisor"), "the second one to be told all again")
    lines = scribes.lines()
    assert lines[0] == {"seats": [1, 2]}
    assert [line["record"]["spec"]["fault"]["cause"] for line in lines if "record" in line] == ["Silent"]
    assert [line["hypervisor"]["state"] for line in lines if "hypervisor" in line] == ["Failed"]


async def test_a_scribe_hears_each_second_that_we_judge(sentinel: Sentinel, tmp_path: Path) -> None:
    scribes = Scribes(tmp_path)
    await until(lambda: sentinel.scribe.connected, "the first scribe")
    now = sentinel.clock.monotonic()
    for passed in range(4):
        sentinel.clock.monotonic = lambda passed=passed: now + passed  # type: ignore[misc]
        sentinel.chores.tick(now + passed)
        sentinel.chores.tick(now + passed)
    await until(lambda: scribes.lines().count({"alive": True}) == 4, "it to be told each second")
