"""The beat process as sentinels see it: real processes on loopback."""

import base64
import os
import signal
import time
from pathlib import Path

from nfvi_ha.agent.config import Network, SentinelAddress
from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.beat import Flags
from nfvi_ha.core.wire.frame import FrameKind
from nfvi_ha.core.wire.local_fault import LocalFault, pack, unpack
from tests.unit.agent.conftest import StartAgent
from tests.unit.agent.fake_sentinel import CLUSTER, KEYS, FakeSentinel
from tests.unit.agent.running_agent import BOOT_ID

DEATH = LocalFault(
    serial=1,
    kind=FaultKind.VM_FAILED,
    cause="QemuKilled",
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    is_event=True,
    seen_at_ms=1_700_000_000_000,
    episode=0,
    vm_uid="uid-1",
    vm_namespace="default",
    vm_name="vm-1",
)


def test_beats_keep_their_period_without_drift(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    start_agent()
    heard = sentinel.beats(21)
    sequences = [each.frame.sequence for each in heard]
    assert sequences == sorted(set(sequences))
    took = heard[-1].at - heard[0].at
    # A slow machine may lose whole periods, but beats are never closer together than the grid allows.
    assert 1.9 < took < 10
    first = heard[0].frame
    assert (first.boot_id, first.network) == (BOOT_ID, 0)
    assert abs(first.incarnation / 1e9 - time.time()) < 60


def test_every_seat_gets_the_same_beat(start_agent: StartAgent, sentinels: list[FakeSentinel]) -> None:
    start_agent()
    one, two, three = (sentinel.beat() for sentinel in sentinels)
    assert one.incarnation == two.incarnation == three.incarnation


def test_nonces_of_all_seats_are_in_each_beat(start_agent: StartAgent, sentinels: list[FakeSentinel]) -> None:
    start_agent()
    for sentinel in sentinels:
        sentinel.beat()
    wanted = tuple(sentinel.nonce for sentinel in sentinels)
    for sentinel in sentinels:
        sentinel.beat(lambda beat: beat.nonces == wanted)


def test_new_fault_is_told_at_once_three_times(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent(period_ms=1000)
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    told = time.monotonic()
    agent.tell({"faults": base64.b64encode(pack([DEATH], 1000).blob).decode(), "generation": 2, "new": True})
    burst = [
        sentinel.wait_for(lambda heard: heard.kind is FrameKind.BEAT and bool(heard.frame.flags & Flags.NEW_FAULT))
        for _ in range(3)
    ]
    assert burst[2].at - told < 0.5, "it waited for the next period"
    assert burst[2].at - burst[0].at > 0.015
    assert all(unpack(each.frame.faults) == (DEATH,) for each in burst)
    assert len({each.frame.sequence for each in burst}) == 3
    later = sentinel.beat(lambda beat: not beat.flags & Flags.NEW_FAULT)
    assert unpack(later.faults) == (DEATH,), "the whole set is in every beat"
    assert later.fault_generation == burst[0].frame.fault_generation


def test_faults_stay_while_probes_are_down_and_the_flag_says_so(
    start_agent: StartAgent, sentinel: FakeSentinel
) -> None:
    agent = start_agent()
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    agent.tell({"faults": base64.b64encode(pack([DEATH], 1000).blob).decode(), "generation": 2, "new": True})
    sentinel.beat(lambda beat: unpack(beat.faults) == (DEATH,))
    first = agent.child()
    os.kill(first, signal.SIGKILL)
    down = sentinel.beat(lambda beat: bool(beat.flags & Flags.PROBES_DOWN))
    assert unpack(down.faults) == (DEATH,)
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    assert agent.child() not in {0, first}


def test_stopped_probes_process_counts_as_down(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    child = agent.child()
    os.kill(child, signal.SIGSTOP)
    sentinel.beat(lambda beat: bool(beat.flags & Flags.PROBES_DOWN))
    os.kill(child, signal.SIGCONT)
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)


def test_beat_process_that_stood_still_says_so(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    before = sentinel.beats(3)[-1]
    assert not before.frame.flags & Flags.SELF_SLOW
    os.kill(agent.pid, signal.SIGSTOP)
    while sentinel.receive(1.0) is not None:
        pass  # what was under way
    os.kill(agent.pid, signal.SIGCONT)
    after = sentinel.beat()
    assert after.flags & Flags.SELF_SLOW
    assert after.lag_ms >= 500
    assert after.sequence < before.frame.sequence + 5, "periods that are over are not made up for"
    sentinel.beat(lambda beat: not beat.flags & Flags.SELF_SLOW)


def test_answers_teach_the_episode(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    sentinel.episode = 7
    agent = start_agent()
    sentinel.beat(lambda beat: beat.episode == 7)
    assert agent.status(lambda status: status["episode"] == 7)
    assert agent.told("episode") == [7]


def test_incarnation_steps_over_a_former_one_when_the_clock_went_back(
    start_agent: StartAgent, sentinel: FakeSentinel
) -> None:
    start_agent()
    sentinel.answers = False
    heard = sentinel.beats(1)[0]
    greater = heard.frame.incarnation + 10**18
    sentinel.answer(heard, incarnation=greater)
    assert sentinel.beat(lambda beat: beat.incarnation > heard.frame.incarnation).incarnation == greater + 1


def test_replayed_answers_change_nothing(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.permit = True
    heard = sentinel.beats(1)[0]
    replayed = sentinel.answer(heard)
    sentinel.permit = False
    sentinel.beats(3)  # a permit is in force, later answers have none
    agent.status(lambda status: status["seats"]["0"]["permitAge"] is not None)
    sentinel.answers = False
    for _ in range(5):
        sentinel.send(replayed, heard.sender)
    status = agent.status(lambda status: status["errors"].get("AnswerReplayed", 0) >= 5)
    assert status["seats"]["0"]["permitAge"] > 0.2, "an old permit was taken for a new one"


def test_permits_age_from_the_beat_they_answer(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.answers = False
    old = sentinel.beats(1)[0]
    sentinel.beats(15)
    sentinel.answer(old, permit=True)  # held back on the way for 1.5 s
    status = agent.status(lambda status: status["seats"]["0"]["permitAge"] is not None)
    assert status["seats"]["0"]["permitAge"] > 1.3
    assert status["seats"]["0"]["answerAge"] < status["seats"]["0"]["permitAge"]


def test_new_key_is_used_once_all_seats_know_it(start_agent: StartAgent, sentinels: list[FakeSentinel]) -> None:
    agent = start_agent()
    late = sentinels[2]
    late.accepts = (1,)
    for sentinel in sentinels:
        sentinel.beat()
    agent.status(lambda status: all(seat["answerAge"] is not None for seat in status["seats"].values()))
    agent.tell({"keys": {str(number): key.hex() for number, key in KEYS.items()}, "cluster": CLUSTER})
    sentinels[0].wait_for(lambda heard: heard.key_id == 2)
    sentinels[1].wait_for(lambda heard: heard.key_id == 2)
    assert late.beats(15)[-1].key_id == 1, "the seat that is late was cut off"
    late.accepts = (1, 2)
    for _ in range(200):
        for sentinel in sentinels:
            heard = sentinel.receive(0.2)
        if heard is not None and [each.key_id for each in late.heard[-4:]] == [2] * 4:
            break
    else:
        raise AssertionError("the new key was never taken")


def test_isolated_agent_says_so(start_agent: StartAgent, sentinels: list[FakeSentinel]) -> None:
    start_agent()
    for sentinel in sentinels:
        sentinel.answers = False
    sentinels[0].beat(lambda beat: bool(beat.flags & Flags.ISOLATED))
    sentinels[0].answers = True
    sentinels[0].beat(lambda beat: not beat.flags & Flags.ISOLATED)


def test_inventory_is_told_on_change_and_again(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    parts = [b"\x01\xff\xff\x01a\x01n\x01v\x00", b"\x01\xff\xff\x01b\x01n\x01w\x00"]
    agent.tell({"inventory": [base64.b64encode(part).decode() for part in parts]})
    found = [sentinel.wait_for(lambda heard: heard.kind is FrameKind.INVENTORY).frame for _ in range(4)]
    assert [(each.part, each.parts) for each in found] == [(0, 2), (1, 2)] * 2
    assert [entry.uid for each in found[:2] for entry in each.entries] == ["a", "b"]
    assert len({each.generation for each in found}) == 1


def test_beats_go_on_when_the_kernel_refuses_to_send(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    here = SentinelAddress(0, "management", *sentinel.address)
    nowhere = SentinelAddress(1, "management", "255.255.255.255", 9)  # EACCES: no broadcast permitted
    agent = start_agent(
        sentinels=(here, nowhere, SentinelAddress(2, "storage", "192.0.2.1", 9)),
        networks=(Network("management", "127.0.0.1", 0), Network("storage", "203.0.113.77", 0)),
    )
    sentinel.beats(5)
    status = agent.status(lambda status: bool(status["sendErrors"]["storage"]))
    assert status["sendErrors"]["management"]["EACCES"] >= 5


def test_beats_start_from_cached_keys_and_sentinels(
    start_agent: StartAgent, sentinel: FakeSentinel, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_text(f'{{"keys": {{"1": "{KEYS[1].hex()}"}}}}')
    host, port = sentinel.address
    (tmp_path / "sentinels.json").write_text(f'[[0, "management", "{host}", {port}]]')
    start_agent(keys={}, sentinels=())
    sentinel.beat()


def test_damaged_caches_are_told_and_harmless(start_agent: StartAgent, sentinel: FakeSentinel, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"keys": ')
    agent = start_agent(keys={})
    agent.tell({"keys": {"1": KEYS[1].hex()}, "cluster": CLUSTER})
    sentinel.beat()
    assert "cache not used" in agent.log.read_text()
