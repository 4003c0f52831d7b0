from nfvi_ha.agent.beat.keyring import LIVE_SECONDS, Keyring

OLD, NEW = b"\x01" * 32, b"\x02" * 32


def ring(*ids: int) -> Keyring:
    keys = Keyring()
    keys.use({number: bytes([number]) * 32 for number in ids})
    return keys


def test_first_keys_start_with_the_newest() -> None:
    assert ring(1, 3, 2).current == 3


def test_new_key_waits_for_all_seats_that_answer() -> None:
    keys = ring(1)
    keys.answered(1, seat=0, now=10.0)
    keys.answered(1, seat=1, now=10.0)
    keys.use({1: OLD, 2: NEW})
    assert keys.current == 1
    assert keys.trial(10.0, 0) == 2
    keys.answered(2, seat=0, now=10.5)
    assert keys.current == 1
    keys.answered(2, seat=1, now=10.6)
    assert keys.current == 2
    assert keys.trial(10.7, 0) is None


def test_silent_seat_does_not_hold_up_a_new_key() -> None:
    keys = ring(1)
    keys.answered(1, seat=0, now=10.0)
    keys.answered(1, seat=1, now=10.0)
    keys.use({1: OLD, 2: NEW})
    later = 10.0 + LIVE_SECONDS + 1
    keys.answered(1, seat=0, now=later)
    keys.answered(2, seat=0, now=later)
    assert keys.current == 2


def test_key_that_is_taken_away_is_left_at_once() -> None:
    keys = ring(1)
    keys.answered(1, seat=0, now=10.0)
    keys.use({2: NEW})
    assert keys.current == 2
    assert keys.secret(1) is None


def test_no_keys_at_all_change_nothing() -> None:
    keys = ring(1)
    keys.use({})
    assert keys.ids() == (1,)


def test_older_key_is_tried_while_nobody_answers_to_the_newest() -> None:
    keys = ring(1, 2)
    assert keys.current == 2
    assert keys.trial(10.0, 0) == 1
    keys.answered(1, seat=0, now=10.1)
    assert keys.current == 1
    assert keys.trial(10.2, 1) == 2, "the newest is tried on"


def test_older_key_is_not_taken_while_the_newer_is_answered() -> None:
    keys = ring(1, 2)
    keys.answered(2, seat=0, now=10.0)
    keys.answered(1, seat=1, now=10.1)
    assert keys.current == 2


def test_empty_ring_has_nothing_to_try() -> None:
    assert Keyring().trial(10.0, 0) is None
