"""A time on the command line."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

_AGO = re.compile(r"(\d{1,6}) ?([smhd]) ago")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def past_moment(text: str) -> datetime:
    """Argument type: ``2026-01-31T08:00:00+01:00``, or ``2h ago`` (s, m, h, d).

    Without an offset the time is in the project's time zone. Raises
    ``argparse.ArgumentTypeError``, also for the future.
    """
    now = timezone.now()
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = parse_datetime(text.strip())
    except ValueError:
        moment = None
    if moment is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-01-31T08:00:00+01:00 or '2h ago'"
        )
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    if moment > now:
        raise argparse.ArgumentTypeError(f"{text!r} is in the future")
    return moment
