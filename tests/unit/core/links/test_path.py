"""Sequences as they were measured on real bonds and routes, and what is told of each."""

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.links.decision import Clear
from nfvi_ha.core.links.link_state import LinkState
from tests.unit.core.links.path_desk import TARGETS, PathDesk, always, but_not, never

DEGRADED = FaultKind.STORAGE_PATH_DEGRADED
FAILED = FaultKind.STORAGE_PATH_FAILED
SLOW = FaultKind.STORAGE_PATH_SLOW


def steady(desk: PathDesk) -> float:
    desk.run(3)
    assert desk.story == []
    return desk.now


def test_failover_of_a_miimon_bond_is_told_once_with_its_time() -> None:
    """miimon=100: the carrier goes, 87 ms later the other member carries on."""
    desk = PathDesk()
    start = steady(desk)
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.answers = but_not(start, start + 0.087)
    desk.run(0.09)
    desk.active = "eth1"
    desk.run(2)
    ((at, finding),) = desk.puts(DEGRADED)
    assert at - start <= 0.2
    assert (finding.cause, finding.severity) == ("MemberLost", Severity.MAJOR)
    assert finding.detail == "eth0 has no carrier; failed over to eth1 in 101 ms"
    assert list(desk.open()) == [(DEGRADED, "path/ceph")]


def test_lost_member_that_was_not_in_use_is_told_at_once_without_an_outage() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.members["eth1"] = LinkState.NO_CARRIER
    desk.run(1)
    ((at, finding),) = desk.puts(DEGRADED)
    assert at - start <= 0.1
    assert finding.detail == "eth1 has no carrier; eth0 carries the path, no probe was lost"


def test_silent_loss_that_arp_monitor_finds_is_told_as_failover() -> None:
    """arp_interval=100: 251-324 ms, the carrier stays."""
    desk = PathDesk()
    start = steady(desk)
    desk.answers = but_not(start, start + 0.3)
    desk.run(0.29)
    assert desk.story == []
    desk.members["eth0"], desk.active = LinkState.BOND_DOWN, "eth1"
    desk.run(1)
    ((at, finding),) = desk.puts(DEGRADED)
    assert at - start < 0.4
    assert finding.detail == "eth0 gets no answers (bond); failed over to eth1 in 301 ms"


def test_silent_loss_under_miimon_is_a_dead_path_after_a_second() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.answers = never
    desk.run(5)
    ((at, finding),) = desk.puts(FAILED)
    assert 1.0 < at - start < 1.1
    assert (finding.cause, finding.severity, finding.confidence) == ("NoAnswer", Severity.CRITICAL, Confidence.HIGH)
    assert "over eth0" in finding.detail
    assert list(desk.open()) == [(FAILED, "path/ceph")]


def test_failover_slower_than_a_second_is_critical_and_says_how_slow() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.answers = but_not(start, start + 2.3)
    desk.run(2.3)
    desk.active = "eth1"
    desk.run(3)
    (event,) = desk.events()
    assert (event.kind, event.cause, event.severity) == (SLOW, "FailedOver", Severity.CRITICAL)
    assert event.detail == "failed over to eth1 in 2301 ms; storage waited for all of it"
    assert desk.puts(FAILED)
    assert (FAILED, "path/ceph") not in desk.open()
    assert desk.open()[DEGRADED, "path/ceph"].detail.startswith("eth0 has no carrier; no answer over the path yet")


def test_failover_of_half_a_second_is_told_after_the_lost_member_as_a_warning_that_ends() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.answers = but_not(start, start + 0.5)
    desk.run(0.5)
    desk.active = "eth1"
    desk.run(1)
    ((at, loss),) = desk.puts(DEGRADED)
    assert at - start <= 0.2
    assert loss.detail == "eth0 has no carrier; no answer over the path yet"
    ((_, note),) = desk.puts(DEGRADED, "path/ceph/failover")
    assert (note.cause, note.severity, note.detail) == ("FailedOver", Severity.WARNING, "failed over to eth1 in 501 ms")
    desk.run(12)
    assert list(desk.open()) == [(DEGRADED, "path/ceph")]


def test_both_members_down_is_a_dead_path_at_once() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.answers = never
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.run(0.02)
    desk.members["eth1"] = LinkState.SET_DOWN
    desk.run(3)
    ((at, finding),) = desk.puts(FAILED)
    assert at - start < 0.1
    assert finding.cause == "AllMembersDown"
    assert finding.detail == "no member is up: eth0 has no carrier, eth1 was set down"
    assert not desk.puts(DEGRADED)


def test_dead_path_that_comes_back_on_one_member_is_degraded_from_then_on() -> None:
    desk = PathDesk()
    steady(desk)
    desk.answers = never
    desk.members = dict.fromkeys(desk.members, LinkState.NO_CARRIER)
    desk.run(5)
    desk.answers = but_not(0, 0)
    desk.members["eth1"], desk.active = LinkState.UP, "eth1"
    back = desk.now
    decided = desk.run(3)
    (only,) = desk.open().values()
    assert only.kind is DEGRADED
    assert only.detail == "eth0 has no carrier; the path had failed, and works without it"
    (cleared_at,) = (at for at, each in decided if each == Clear(FAILED, "path/ceph"))
    assert cleared_at - back >= 1.0


def test_member_that_is_back_for_a_second_clears_the_loss() -> None:
    desk = PathDesk()
    steady(desk)
    desk.members["eth1"] = LinkState.NO_CARRIER
    desk.run(1)
    desk.members["eth1"] = LinkState.UP
    desk.run(0.9)
    assert (DEGRADED, "path/ceph") in desk.open()
    desk.run(0.2)
    assert desk.open() == {}


def test_flapping_member_is_one_fault() -> None:
    desk = PathDesk()
    steady(desk)
    for _ in range(20):
        desk.members["eth1"] = LinkState.NO_CARRIER
        desk.run(0.3)
        desk.members["eth1"] = LinkState.UP
        desk.run(0.6)
    assert len(desk.puts(DEGRADED)) == 1


def test_one_silent_target_is_a_warning_about_the_target() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.answers = lambda target, _: target != TARGETS[1]
    desk.run(20)
    ((at, finding),) = desk.puts(DEGRADED, f"path/ceph/target/{TARGETS[1]}")
    assert at - start > 3
    assert (finding.cause, finding.severity) == ("TargetSilent", Severity.WARNING)
    assert len(desk.open()) == 1
    desk.answers = but_not(0, 0)
    desk.run(1.2)
    assert desk.open() == {}


def test_targets_that_go_one_after_the_other_are_no_dead_path() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.answers = lambda target, at: target == TARGETS[1] and at < start + 1.5
    desk.run(10)
    assert not desk.puts(FAILED)
    assert {component for _, component in desk.open()} == {f"path/ceph/target/{target}" for target in TARGETS}


def test_only_target_that_falls_silent_alone_is_no_dead_path() -> None:
    desk = PathDesk(TARGETS[:1])
    steady(desk)
    desk.answers = never
    desk.run(10)
    (finding,) = desk.open().values()
    assert (finding.cause, finding.confidence) == ("TargetSilent", Confidence.LOW)


def test_only_target_that_falls_silent_with_a_member_is_a_dead_path() -> None:
    desk = PathDesk(TARGETS[:1])
    steady(desk)
    desk.answers = never
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.run(3)
    assert (FAILED, "path/ceph") in desk.open()


def test_target_without_echo_server_is_a_warning_and_its_silence_proves_nothing() -> None:
    desk = PathDesk()
    steady(desk)
    desk.answers = lambda target, _: target == TARGETS[0]
    for _ in range(6):
        desk.watch.reach.refused(TARGETS[1], desk.now)
        desk.run(1)
    (finding,) = desk.open().values()
    assert finding.cause == "TargetRefuses"
    desk.answers = never
    desk.run(3)
    assert not desk.puts(FAILED)


def test_echo_server_that_is_restarted_is_not_told() -> None:
    desk = PathDesk()
    steady(desk)
    for _ in range(3):
        desk.answers = lambda target, _: target == TARGETS[0]
        for _ in range(2):
            desk.watch.reach.refused(TARGETS[1], desk.now)
            desk.run(1)
        desk.answers = always
        desk.run(2)
    assert desk.story == []


def test_path_that_never_answered_is_told_with_low_confidence() -> None:
    desk = PathDesk()
    desk.answers = never
    desk.run(6)
    ((at, finding),) = desk.puts(FAILED)
    assert at > 5
    assert finding.confidence is Confidence.LOW


def test_path_without_targets_is_judged_by_its_members() -> None:
    desk = PathDesk(())
    desk.run(1)
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.run(0.05)
    assert desk.open()[DEGRADED, "path/ceph"].detail == "eth0 has no carrier; eth1 left"
    desk.members["eth1"] = LinkState.NO_CARRIER
    desk.run(0.05)
    assert (FAILED, "path/ceph") in desk.open()
    desk.members["eth1"] = LinkState.UP
    desk.run(2)
    assert (FAILED, "path/ceph") not in desk.open()


def test_member_that_leaves_its_bond_is_lost() -> None:
    desk = PathDesk()
    steady(desk)
    del desk.members["eth1"]
    desk.run(0.2)
    assert desk.open()[DEGRADED, "path/ceph"].detail.startswith("eth1 is gone")


def test_process_that_stood_still_reports_nothing() -> None:
    desk = PathDesk()
    steady(desk)
    for _ in range(2):
        desk.answers = never
        desk.run(0.06)
        desk.stand_still(2)
        desk.answers = but_not(0, 0)
        desk.run(3)
    assert desk.story == []


def test_short_interruption_that_nothing_explains_is_not_told() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.answers = but_not(start, start + 0.3)
    desk.run(3)
    assert desk.story == []
    (outage,) = desk.watch.failovers.take_measured()
    assert 0.25 <= outage.seconds <= 0.36


def test_long_interruption_that_nothing_explains_is_a_warning() -> None:
    desk = PathDesk()
    start = steady(desk)
    desk.answers = but_not(start, start + 0.7)
    desk.run(3)
    ((_, note),) = desk.puts(DEGRADED, "path/ceph/failover")
    assert (note.cause, note.severity) == ("Interrupted", Severity.WARNING)


def test_path_with_one_member_that_flaps_did_not_fail_over() -> None:
    desk = PathDesk(members=["eth0"])
    start = steady(desk)
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.answers = but_not(start, start + 2)
    desk.run(2)
    desk.members["eth0"] = LinkState.UP
    desk.run(4)
    assert desk.events() == []
    assert desk.open() == {}
    assert len(desk.puts(FAILED)) == 1
