"""What a time on the command line means."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from token_rotation.errors import SelectionError
from token_rotation.selection.past_time import parse_past_time, parse_time

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
@pytest.mark.parametrize("parse", [parse_time, parse_past_time])
def test_a_time_is_read_with_its_offset_or_in_the_given_time_zone(
    parse: type[parse_time], text: str, time: datetime
) -> None:
    assert parse(text, option="--since", now=NOW, time_zone=BERLIN) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2h", "-2h ago", "12:00", "2026-13-01", "1700", "999999 d ago"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SelectionError, match=r"--since .* is not a time"):
        parse_past_time(text, option="--since", now=NOW, time_zone=UTC)


def test_a_time_to_come_is_refused_where_only_the_past_has_a_meaning() -> None:
    text = "2026-11-22T12:01Z"
    with pytest.raises(SelectionError, match=r"--since .* is in the future"):
        parse_past_time(text, option="--since", now=NOW, time_zone=UTC)
    assert parse_time(text, option="--issued-before", now=NOW, time_zone=UTC) > NOW


@pytest.mark.parametrize(
    ("zone", "text", "moments"),
    [
        (
            "Europe/Berlin",  # put back
            "2026-10-25T02:30",
            ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"),
        ),
        (
            "Europe/Berlin",  # put forward
            "2026-03-29T02:30",
            ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"),
        ),
        (
            "America/Santiago",  # at midnight, which a date means
            "2026-09-06",
            ("2026-09-05T23:00:00-04:00", "2026-09-06T01:00:00-03:00"),
        ),
    ],
)
def test_a_local_time_that_is_no_single_moment_is_refused_with_both_moments(
    zone: str, text: str, moments: tuple[str, str]
) -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(SelectionError) as refused:
        parse_time(text, option="--issued-before", now=later, time_zone=ZoneInfo(zone))
    assert f"{zone}, where the clocks change: type {' or '.join(moments)}. " in str(refused.value)
    for moment in moments:
        read = parse_time(moment, option="-", now=later, time_zone=ZoneInfo(zone))
        assert read.isoformat() == moment


def test_local_times_around_a_change_of_the_clocks_are_read() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for text, hour in (("2026-10-25T01:59", 23), ("2026-10-25T03:00", 2), ("2026-03-29T03:00", 1)):
        read = parse_time(text, option="-", now=NOW, time_zone=berlin)
        assert read.astimezone(UTC).hour == hour
