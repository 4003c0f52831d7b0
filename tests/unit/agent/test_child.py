"""Supervision of the probes process, with times made up."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from nfvi_ha.agent.beat.child import FIRST_BACKOFF_SECONDS, HUNG_SECONDS, SILENT_SECONDS, START_SECONDS, ProbesProcess
from nfvi_ha.agent.beat.poller import Poller
from tests.unit.agent.running_agent import until

MUTE = [sys.executable, "-c", "import time; time.sleep(600)"]
TALKS_ONCE = [
    sys.executable,
    "-c",
    "import os, socket, time; end = socket.socket(fileno=int(os.environ['NFVI_HA_BEAT_FD']));"
    'end.send(b\'{"faults": "", "generation": 1}\'); time.sleep(600)',
]


class Desk:
    def __init__(self, command: list[str]) -> None:
        self.now = 1000.0
        self.poller = Poller()
        self.heard: list[object] = []
        self.child = ProbesProcess(command, self.poller, self.heard.append, lambda: self.now)

    def reaped(self, pid: int) -> bool:
        self.child.tick(self.now)
        return self.child.pid != pid


@pytest.fixture
def desks() -> Iterator[list[Desk]]:
    made: list[Desk] = []
    yield made
    for desk in made:
        desk.child.stop(0.0, lambda _: None)


def test_slow_start_is_borne_with_but_not_for_ever(desks: list[Desk]) -> None:
    desk = Desk(MUTE)
    desks.append(desk)
    desk.child.tick(desk.now)
    pid = desk.child.pid
    desk.now += START_SECONDS - 1
    desk.child.tick(desk.now)
    os.kill(pid, 0)
    assert desk.child.down(desk.now)
    desk.now += 2
    until(lambda: desk.reaped(pid), "it is killed")


def test_one_that_fell_silent_counts_as_down_and_is_killed_at_last(desks: list[Desk]) -> None:
    desk = Desk(TALKS_ONCE)
    desks.append(desk)
    desk.child.tick(desk.now)
    pid = desk.child.pid
    while not desk.heard:
        desk.poller.wait(10.0)
    assert not desk.child.down(desk.now)
    desk.now += SILENT_SECONDS + 1
    assert desk.child.down(desk.now)
    desk.child.tick(desk.now)
    assert desk.child.pid == pid
    desk.now += HUNG_SECONDS
    until(lambda: desk.reaped(pid), "it is killed")


def test_back_off_grows_while_it_fails_at_once(desks: list[Desk]) -> None:
    desk = Desk(["/bin/false"])
    desks.append(desk)
    waits = []
    for _ in range(4):
        desk.child.tick(desk.now)
        pid = desk.child.pid
        assert pid
        until(lambda pid=pid: desk.reaped(pid), "it ends")  # type: ignore[misc]
        waits.append(desk.child.start_at - desk.now)
        desk.now = desk.child.start_at
    assert [round(wait / FIRST_BACKOFF_SECONDS) for wait in waits] == [1, 2, 4, 8]


def test_command_that_does_not_exist_is_tried_again(desks: list[Desk]) -> None:
    desk = Desk(["/nonexistent"])
    desks.append(desk)
    desk.child.tick(desk.now)
    assert not desk.child.pid
    assert desk.child.start_at > desk.now


def test_none_is_started_on_the_way_out(desks: list[Desk]) -> None:
    desk = Desk(MUTE)
    desks.append(desk)
    desk.child.tick(desk.now)
    pid = desk.child.pid
    desk.child.leaving = True
    os.kill(pid, signal.SIGKILL)
    until(lambda: desk.reaped(pid), "it ends")
    desk.now += 1000
    desk.child.tick(desk.now)
    assert not desk.child.pid
