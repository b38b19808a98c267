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


def past_moment(text: str, *, option: str, now: datetime, time_zone: tzinfo) -> datetime:
    """What an operator means by ``2026-11-22T04:00``, ``2026-11-22``, ``now`` or ``2h ago``.

    A time without an offset is one of ``time_zone``, and a date its midnight. ``now`` is the
    database's clock, which sets the markers too. Raises SelectionError, which names the ``option``,
    for anything else, and for a time to come: rows rotated until then would stay pending.
    """
    words = text.strip()
    if words == "now":
        return now
    if ago := _AGO.fullmatch(words):
        return now - timedelta(**{_UNITS[ago[2][0]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(words)
    except ValueError:
        raise SelectionError(
            f"{option} {text!r} is no time: type one like 2026-11-22T04:00+00:00, now, or "
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
