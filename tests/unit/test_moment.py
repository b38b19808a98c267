"""A time on the command line is one in the past, and in no doubt."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tickets.rotation.management.moment import past_moment


def test_a_time_with_an_offset_is_that_time() -> None:
    moment = past_moment("2026-01-31T08:00:00+01:00")
    assert moment == datetime(2026, 1, 31, 7, tzinfo=UTC)


def test_a_time_without_an_offset_is_in_the_time_zone_of_the_project() -> None:
    with timezone.override(timezone.get_fixed_timezone(120)):
        assert past_moment("2026-01-31 08:00") == datetime(2026, 1, 31, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s ago", timedelta(seconds=90)),
        ("5m ago", timedelta(minutes=5)),
        ("2h ago", timedelta(hours=2)),
        ("1 d ago", timedelta(days=1)),
    ],
)
def test_a_time_may_be_given_as_how_long_ago(text: str, ago: timedelta) -> None:
    before = timezone.now()
    assert before - ago <= past_moment(text) <= timezone.now() - ago


@pytest.mark.parametrize("text", ["", "now-ish", "2026-13-01T00:00", "ago", "-2h ago", "9" * 9])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time"):
        past_moment(text)


def test_the_future_is_refused() -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    with pytest.raises(argparse.ArgumentTypeError, match="in the future"):
        past_moment(tomorrow)
