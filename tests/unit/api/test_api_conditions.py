"""Conditions change their time only with their status."""

from datetime import UTC, datetime, timedelta

import pytest

from nfvi_ha.api.conditions import ACCEPTED, AVAILABLE, find_condition, with_condition

THEN = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
NOW = THEN + timedelta(minutes=5)


def test_new_condition_is_appended() -> None:
    conditions = with_condition((), ACCEPTED, holds=True, reason="Valid", generation=3, now=THEN)

    assert [condition.to_json() for condition in conditions] == [
        {
            "type": "Accepted",
            "status": "True",
            "reason": "Valid",
            "message": "",
            "lastTransitionTime": "2026-01-15T10:00:00.000Z",
            "observedGeneration": 3,
        }
    ]


def test_time_is_kept_while_the_status_is_the_same() -> None:
    before = with_condition((), AVAILABLE, holds=False, reason="ReplicasMissing", message="1 of 3", now=THEN)

    after = with_condition(before, AVAILABLE, holds=False, reason="ReplicasMissing", message="2 of 3", now=NOW)

    assert after[0].last_transition_time == THEN
    assert after[0].message == "2 of 3"


@pytest.mark.parametrize(("holds", "status"), [(True, "True"), (None, "Unknown")])
def test_time_moves_with_the_status_and_the_place_stays(holds: bool | None, status: str) -> None:
    before = with_condition((), AVAILABLE, holds=False, reason="ReplicasMissing", now=THEN)
    before = with_condition(before, ACCEPTED, holds=True, reason="Valid", now=THEN)

    after = with_condition(before, AVAILABLE, holds=holds, reason="ReplicasReady", now=NOW)

    assert [condition.type for condition in after] == [AVAILABLE, ACCEPTED]
    assert (after[0].status, after[0].last_transition_time) == (status, NOW)


def test_absent_condition_is_none() -> None:
    assert find_condition((), ACCEPTED) is None
