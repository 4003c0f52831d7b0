"""A seat that stood still blames nobody for it."""

from nfvi_ha.core.verdict.inputs import Opinion
from nfvi_ha.core.verdict.outputs import NodeState

from .bench import SeatUnderTest, only


def _stand_still(seat: SeatUnderTest, seconds: float) -> None:
    seat.now = round(seat.now + seconds, 6)


def test_its_own_stall_is_nobodys_silence() -> None:
    seat = SeatUnderTest()
    for _ in range(3):
        _stand_still(seat, 1.0)
        seat.run(2.0)

    assert seat.said == []


def test_telling_it_of_the_stall_as_well_forgives_no_more_than_that() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")
    seat.run(0.3)
    _stand_still(seat, 1.0)
    seat.verdicts.stalled(1.0, seat.now)
    seat.verdicts.stalled(1.0, seat.now)

    seat.run(0.6)

    assert only(seat.raised()).node == "node-2"


def test_it_decides_nothing_for_two_beat_periods_afterwards() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")
    seat.run(0.5)
    _stand_still(seat, 0.5)

    seat.run(0.16)
    assert seat.raised() == []

    seat.run(0.4)
    assert only(seat.raised()).node == "node-2"


def test_a_stall_does_not_end_a_goodbye_early_nor_late() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.left("node-2", "boot-1", "upgrade", 5, seat.now))
    seat.run(0.1)
    seat.fall_silent("node-2")
    _stand_still(seat, 2.0)
    seat.run(2.0)
    assert seat.state() is NodeState.LEFT

    seat.others_say(Opinion.SILENT, "node-2")
    seat.run(1.5)
    assert seat.state() is NodeState.FAILED
