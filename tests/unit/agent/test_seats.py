from dataclasses import replace

from nfvi_ha.agent.beat.seats import HISTORY, History, Seats, Sent, Worth
from nfvi_ha.core.wire.answer import Answer

OURS = 1000
ANSWER = Answer(
    seat=1,
    nonce=99,
    incarnation=OURS,
    sequence=5,
    episode=0,
    permit=True,
    recorded_upto=0,
    recorded_bitmap=0,
    goodbye_accepted=False,
)


def sent(*sequences: int) -> History:
    history = History()
    for sequence in sequences:
        history.add(Sent(sequence, at=float(sequence), key_id=1, generation=7))
    return history


def test_answer_to_a_beat_is_learnt_from() -> None:
    seats = Seats()
    worth, beat = seats.take(ANSWER, OURS, sent(5), now=50.0)
    assert worth is Worth.NEWS
    assert beat is not None
    assert beat.generation == 7
    assert seats.nonces == (0, 99, 0)
    assert (seats.by_number[1].answered_at, seats.by_number[1].permit_at) == (50.0, 5.0)


def test_second_answer_to_the_same_beat_is_a_replay() -> None:
    seats = Seats()
    seats.take(ANSWER, OURS, sent(5), now=50.0)
    assert seats.take(replace(ANSWER, nonce=1), OURS, sent(5), now=51.0) == (Worth.REPLAYED, None)
    assert seats.nonces == (0, 99, 0)


def test_older_answer_of_the_same_seat_is_a_replay() -> None:
    seats = Seats()
    seats.take(replace(ANSWER, sequence=6), OURS, sent(5, 6), now=50.0)
    assert seats.take(ANSWER, OURS, sent(5, 6), now=51.0)[0] is Worth.REPLAYED
    assert seats.take(replace(ANSWER, seat=2), OURS, sent(5, 6), now=51.0)[0] is Worth.NEWS


def test_answer_to_a_beat_never_sent_or_forgotten_is_worth_nothing() -> None:
    assert Seats().take(ANSWER, OURS, sent(4), now=50.0)[0] is Worth.REPLAYED
    assert Seats().take(ANSWER, OURS, sent(5, 5 + HISTORY), now=50.0)[0] is Worth.REPLAYED


def test_answer_to_an_earlier_process_is_worth_nothing() -> None:
    seats = Seats()
    assert seats.take(replace(ANSWER, incarnation=OURS - 1), OURS, sent(5), now=50.0)[0] is Worth.REPLAYED
    assert seats.nonces == (0, 0, 0)


def test_answer_to_a_later_incarnation_gives_nothing_but_its_number() -> None:
    seats = Seats()
    assert seats.take(replace(ANSWER, incarnation=OURS + 1), OURS, sent(5), now=50.0) == (Worth.AHEAD, None)
    assert seats.nonces == (0, 0, 0)
    assert seats.by_number[1].permit_at is None


def test_goodbye_stays_accepted() -> None:
    seats = Seats()
    seats.take(replace(ANSWER, goodbye_accepted=True), OURS, sent(5, 6), now=50.0)
    seats.take(replace(ANSWER, sequence=6), OURS, sent(5, 6), now=50.1)
    assert seats.goodbyes((0, 1, 2)) == 1
    assert seats.goodbyes((0, 2)) == 0
