"""The cut-off of a run that starts now, by the database's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from token_rotation.selection.selection import LONGEST_WAIT, Selection

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TYPED = NOW - timedelta(seconds=1)
"""The clock when the command was typed."""


@pytest.mark.parametrize(
    ("cut_off", "settled"),
    [
        (TYPED - timedelta(hours=2), TYPED - timedelta(hours=2)),
        (TYPED - timedelta(microseconds=1), TYPED - timedelta(microseconds=1)),
        (TYPED, NOW),  # "now"
        (NOW, NOW),
        (NOW + timedelta(seconds=3), NOW + timedelta(seconds=3)),  # the run waits for it
        (NOW + LONGEST_WAIT, NOW + LONGEST_WAIT),
        (NOW + LONGEST_WAIT + timedelta(microseconds=1), NOW),
        (NOW + timedelta(days=3650), NOW),
    ],
)
def test_a_cut_off_is_in_the_past_or_a_little_ahead(cut_off: datetime, settled: datetime) -> None:
    selection = Selection(issued_before=cut_off, where=("a=1",), asked_at=TYPED)
    found = selection.settled_at(NOW)
    assert (found.issued_before, found.where, found.asked_at) == (settled, ("a=1",), NOW)


def test_a_recorded_cut_off_in_the_past_stays() -> None:
    recorded = Selection(issued_before=NOW - timedelta(microseconds=1))
    assert recorded.settled_at(NOW) == recorded
    assert Selection(issued_before=NOW).settled_at(NOW).issued_before == NOW


def test_without_a_cut_off_nothing_changes() -> None:
    assert Selection().settled_at(NOW) == Selection()
