"""A time in the past, as operators type it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from token_rotation.errors import SelectionError

_AGO = re.compile(
    r"(\d{1,5}) ?(s|seconds?|min|minutes?|h|hours?|d|days?) ago",
    re.ASCII,
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_past_time(text: str, *, option: str, now: datetime, time_zone: tzinfo) -> datetime:
    """Read ``2026-11-22T04:00``, ``2026-11-22``, ``now`` or ``2h ago``.

    A time without an offset is in ``time_zone``; a date means its midnight there. ``now`` is the
    database's clock, which also sets the markers. A time in the future is refused, because rows
    rotated before it would stay pending. Raises SelectionError, which names the ``option``.
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
    if time.tzinfo is None:
        time = time.replace(tzinfo=time_zone)
    if time > now:
        raise SelectionError(
            f"{option} {time.isoformat()} is in the future: by the database's clock it is "
            f"{now.isoformat()}"
        )
    return time
