"""The log of a run is bounded, in order, and bears whatever a record holds."""

from datetime import UTC, datetime
from typing import Any

import pytest

from token_rotation.jobs.log import CHARACTERS_AT_MOST, NOTES_AT_MOST, Notes, approval_of, log_of
from token_rotation.operations.models import BatchOperation

ASKED = datetime(2026, 1, 5, 10, tzinfo=UTC)
ENDED = datetime(2026, 1, 5, 12, tzinfo=UTC)


def run(live: Any) -> BatchOperation:
    return BatchOperation(created_at=ASKED, finished_at=ENDED, os_user="ann", live_data=live)


def test_the_last_notes_are_kept_and_long_ones_cut() -> None:
    notes = Notes(run(None))
    for number in range(NOTES_AT_MOST + 1):
        notes.add(f"{number} {'x' * CHARACTERS_AT_MOST}")
    kept = Notes(run({"log": notes.as_json()})).as_json()
    assert len(kept) == NOTES_AT_MOST
    assert kept[0][1].startswith("1 ")
    assert {len(text) for _, text in kept} == {CHARACTERS_AT_MOST}


def test_what_happened_is_in_the_order_of_its_times() -> None:
    paused = ["2026-01-05T11:00:00+00:00", "paused"]
    approved = {"by": "bob", "at": "2026-01-05T10:30:00+00:00"}
    lines = log_of(run({"log": [paused], "approved": approved}))
    texts = [line.text for line in lines]
    assert texts == ["asked for by ann", "approved by bob", "paused", "ended"]


@pytest.mark.parametrize("live", [None, [], 1, {"log": 1, "approved": 1}, {"log": [1, ["x", "y"]]}])
def test_nonsense_in_a_record_is_passed_over(live: Any) -> None:
    assert [line.text for line in log_of(run(live))] == ["asked for by ann", "ended"]
    assert approval_of(run(live)) is None
