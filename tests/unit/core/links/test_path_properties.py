"""What holds whatever the network does."""

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.links.decision import Clear, Put
from nfvi_ha.core.links.link_state import LinkState
from tests.unit.core.links.path_desk import PERIOD, TARGETS, PathDesk, always, but_not, never

QUICK = settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@QUICK
@given(st.sets(st.integers(0, 400)), st.integers(1, 2))
def test_probes_lost_by_ones_and_twos_are_never_told(lost: set[int], targets: int) -> None:
    desk = PathDesk(TARGETS[:targets], step=PERIOD / 2)

    def answers(_target: str, sent_at: float) -> bool:
        number = round(sent_at / PERIOD)
        thrice = number - 1 in lost and number - 2 in lost
        return number not in lost or thrice

    desk.answers = answers
    desk.run(20)
    assert desk.story == []


@QUICK
@given(
    st.lists(
        st.tuples(
            st.floats(0.05, 3),
            st.sampled_from(["eth0", "eth1"]),
            st.sampled_from(list(LinkState)),
            st.sampled_from(["eth0", "eth1", ""]),
            st.sampled_from(["all", "none", TARGETS[0], TARGETS[1]]),
        ),
        max_size=15,
    )
)
def test_nothing_flaps_and_all_ends_when_all_is_well(changes: list[tuple[float, str, LinkState, str, str]]) -> None:
    desk = PathDesk(step=PERIOD / 2)
    for seconds, member, state, active, answering in changes:
        desk.members[member] = state
        desk.active = active
        desk.answers = {"all": always, "none": never}.get(answering, lambda target, _, only=answering: target == only)
        desk.run(seconds)
    put_at: dict[tuple[FaultKind, str], float] = {}
    desk.members = dict.fromkeys(desk.members, LinkState.UP)
    desk.answers = always
    desk.run(14)
    for at, decision in desk.story:
        if isinstance(decision, Put):
            put_at.setdefault((decision.finding.kind, decision.finding.component), at)
        elif isinstance(decision, Clear):
            since = put_at.pop((decision.kind, decision.component))
            assert at - since >= 0.9, "a fault that was there for a moment was cleared at once"
    assert desk.open() == {}
    assert all(len(each.finding.detail.encode()) <= 120 for _, each in desk.story if not isinstance(each, Clear))


@QUICK
@given(st.floats(0.02, 3), st.floats(0, PERIOD))
def test_failover_is_measured_within_a_period(outage: float, phase: float) -> None:
    desk = PathDesk()
    desk.run(3)
    start = desk.now + phase
    desk.answers = but_not(start, start + outage)
    desk.members["eth0"] = LinkState.NO_CARRIER
    desk.run(outage)
    desk.active = "eth1"
    desk.run(2)
    measured = desk.watch.failovers.take_measured()
    if outage > 2 * PERIOD:
        assert measured
    for one in measured:
        assert abs(one.seconds - outage) <= PERIOD + 0.011


@QUICK
@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 0.99)), max_size=30))
def test_member_that_never_stays_up_for_a_second_is_told_once(flaps: list[tuple[bool, float]]) -> None:
    desk = PathDesk(step=PERIOD / 2)
    desk.run(1)
    for up, seconds in [(False, 0.5), *flaps]:
        # Two spells of being up in a row would be one that may last a second.
        desk.members["eth1"] = LinkState.UP if up else LinkState.NO_CARRIER
        desk.run(seconds)
        desk.members["eth1"] = LinkState.NO_CARRIER
        desk.run(0.05)
    assert len({at for at, finding in desk.puts(FaultKind.STORAGE_PATH_DEGRADED)}) == 1
