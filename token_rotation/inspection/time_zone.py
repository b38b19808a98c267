"""Local times that are not single moments.

With USE_TZ = False Django reads and writes the marker as a local time without an offset. In the
hour that a change of the clocks repeats, a stale save() then writes a marker that seems later than
the stored one, and with it a token that was replaced.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from django.conf import settings
from django.utils import timezone

from token_rotation.inspection.problem import Problem

_FIRST_YEAR, _YEARS = 2015, 23
_STEP = timedelta(days=7)


def zone_that_repeats_hours() -> str | None:
    """Return the name of the time zone if Django stores local times of one whose clocks change.

    None if it stores moments, or if the zone always has the same offset.
    """
    if settings.USE_TZ or _keeps_one_offset(timezone.get_default_timezone()):
        return None
    return str(settings.TIME_ZONE)


def time_zone_problem() -> Problem | None:
    """Return the problem that stops a rotation, if there is one."""
    zone = zone_that_repeats_hours()
    if zone is None:
        return None
    return Problem(
        "token_rotation.E040",
        f"USE_TZ is False and TIME_ZONE is {zone}, whose clocks change, so a stale save() could "
        "bring a leaked token back in the hour that is repeated",
        "python manage.py check, after you set USE_TZ = True or TIME_ZONE = 'UTC'",
    )


def _keeps_one_offset(zone: tzinfo) -> bool:
    first = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    steps = range(_YEARS * 366 // _STEP.days)
    return len({(first + step * _STEP).astimezone(zone).utcoffset() for step in steps}) == 1
