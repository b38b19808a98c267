"""What a time on the command line means."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from token_rotation.errors import SelectionError
from token_rotation.selection.past_time import parse_past_time

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T04:00+00:00", datetime(2026, 11, 22, 4, tzinfo=UTC)),
        ("2026-11-22T04:00:00.5Z", datetime(2026, 11, 22, 4, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-22T04:00", datetime(2026, 11, 22, 3, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("now", NOW),
        ("90s ago", NOW - timedelta(seconds=90)),
        ("5 min ago", NOW - timedelta(minutes=5)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("3 days ago", NOW - timedelta(days=3)),
    ],
)
def test_a_time_is_read_with_its_offset_or_in_the_given_time_zone(
    text: str, time: datetime
) -> None:
    assert parse_past_time(text, option="--since", now=NOW, time_zone=BERLIN) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2h", "-2h ago", "12:00", "2026-13-01", "1700", "999999 d ago"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SelectionError, match=r"--since .* is not a time"):
        parse_past_time(text, option="--since", now=NOW, time_zone=UTC)


def test_a_time_to_come_is_refused() -> None:
    with pytest.raises(SelectionError, match=r"--since .* is in the future"):
        parse_past_time("2026-11-22T12:01Z", option="--since", now=NOW, time_zone=UTC)
