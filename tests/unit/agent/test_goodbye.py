"""How an agent ends."""

import os
import signal
import time
from pathlib import Path

from nfvi_ha.core.wire.frame import FrameKind
from nfvi_ha.core.wire.goodbye import GoodbyeReason
from tests.unit.agent.conftest import StartAgent
from tests.unit.agent.fake_sentinel import FakeSentinel
from tests.unit.agent.running_agent import alive, until


def goodbye(heard: object) -> bool:
    return getattr(heard, "kind", None) is FrameKind.GOODBYE


def test_goodbye_ends_when_two_seats_accepted_it(start_agent: StartAgent, sentinels: list[FakeSentinel]) -> None:
    agent = start_agent()
    sentinels[0].beat(lambda beat: beat.sequence > 2)
    child = agent.child()
    agent.process.terminate()
    for sentinel in sentinels[:2]:
        said = sentinel.wait_for(goodbye).frame
        assert (said.reason, said.seconds) == (GoodbyeReason.UPGRADE, 10)
    assert agent.process.wait(10) == 0
    assert not alive(child)
    assert '"accepted": 2' in agent.log.read_text()


def test_goodbye_is_repeated_for_half_a_second_when_nobody_accepts(
    start_agent: StartAgent, sentinel: FakeSentinel
) -> None:
    agent = start_agent()
    sentinel.beat()
    sentinel.accepts_goodbye = False
    asked = time.monotonic()
    agent.process.terminate()
    said = [sentinel.wait_for(goodbye) for _ in range(3)]
    assert len({each.frame.sequence for each in said}) == 3
    assert agent.process.wait(10) == 0
    assert time.monotonic() - asked > 0.45


def test_beats_go_on_until_the_end(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.accepts_goodbye = False
    sentinel.beat()
    agent.process.terminate()
    sentinel.wait_for(goodbye)
    sentinel.beat()
    assert agent.process.wait(10) == 0


def test_reason_may_be_told_before(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent(goodbye_reason="stop")
    agent.tell({"goodbye": "reboot", "seconds": 300})
    agent.tell({"episode": 3})
    sentinel.beat(lambda beat: beat.episode == 3)
    agent.process.terminate()
    said = sentinel.wait_for(goodbye).frame
    assert (said.reason, said.seconds) == (GoodbyeReason.REBOOT, 300)


def test_agent_of_a_host_that_goes_down_says_so(
    start_agent: StartAgent, sentinel: FakeSentinel, tmp_path: Path
) -> None:
    agent = start_agent(run_root=tmp_path / "host-run", reboot_seconds=120)
    sentinel.beat()
    scheduled = tmp_path / "host-run/systemd/shutdown/scheduled"
    scheduled.parent.mkdir(parents=True)
    scheduled.touch()
    agent.process.terminate()
    said = sentinel.wait_for(goodbye).frame
    assert (said.reason, said.seconds) == (GoodbyeReason.REBOOT, 120)


def test_agent_without_keys_ends_at_once(start_agent: StartAgent) -> None:
    agent = start_agent(keys={}, sentinels=())
    until(lambda: "beats start" in agent.log.read_text(), "it runs")
    assert agent.stop() == 0


def test_probes_die_with_a_killed_beat_process(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent(stand_in=False)
    until((agent.directory / "port").exists, "the probes process serves its metrics")
    child = agent.child()
    os.kill(agent.pid, signal.SIGKILL)
    agent.process.wait(10)
    until(lambda: not alive(child), "the probes process ends")
