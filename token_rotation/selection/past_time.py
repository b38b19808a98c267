"""A time as operators type it: a cut-off, or the begin of a period."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from token_rotation.errors import SelectionError

_AGO = re.compile(
    r"(\d{1,5}) ?(s|seconds?|min|minutes?|h|hours?|d|days?) ago",
    re.ASCII,
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_time(text: str, *, option: str, now: datetime, time_zone: tzinfo) -> datetime:
    """Read ``2026-11-22T04:00``, ``2026-11-22``, ``now`` or ``2h ago``.

    A time without an offset is in ``time_zone``; a date means its midnight there. ``now`` is the
    database's clock, which also sets the markers. The result may lie ahead of it: a cut-off that
    was printed before the clock was put back does. Raises SelectionError, which names the
    ``option``, also for a local time that a change of the clocks repeats or leaves out.
    """
    typed = text.strip()
    if typed == "now":
        return now
    if ago := _AGO.fullmatch(typed):
        return now - timedelta(**{_UNITS[ago[2][0]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(typed)
    except ValueError:
        raise SelectionError(
            f"{option} {text!r} is not a time: type one like 2026-11-22T04:00+00:00, now, or "
            "2h ago (s, min, h, d)"
        ) from None
    if time.tzinfo is not None:
        return time
    moments = moments_of(time, time_zone)
    if len(moments) > 1:
        first, second = (moment.isoformat() for moment in moments)
        raise SelectionError(
            f"{option} {text!r} is no single moment in {time_zone}, where the clocks change: type "
            f"{first} or {second}. Nothing was done"
        )
    return moments[0]


def parse_past_time(text: str, *, option: str, now: datetime, time_zone: tzinfo) -> datetime:
    """Read a time as ``parse_time`` does, and refuse one that lies ahead of ``now``."""
    time = parse_time(text, option=option, now=now, time_zone=time_zone)
    if time > now:
        raise SelectionError(
            f"{option} {time.isoformat()} is in the future: by the database's clock it is "
            f"{now.isoformat()}"
        )
    return time


def moments_of(time: datetime, time_zone: tzinfo) -> list[datetime]:
    """Return the moments that a local time may mean, each with its offset, the earlier one first.

    There are two if the clocks are put back over it, or forward.
    """
    # Two times of one zone count as equal if their clocks show the same, so compare them in UTC.
    read = (time.replace(tzinfo=time_zone, fold=fold) for fold in (0, 1))
    moments = sorted({moment.astimezone(UTC) for moment in read})
    return [moment.astimezone(time_zone) for moment in moments]
