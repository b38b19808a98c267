"""Django settings of reports, read when a report begins."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one report.

    ``keep_alive_seconds`` is the longest silence; a lost client is noticed within twice this time.
    A query ends after ``seconds_at_most``, or if its client reads nothing for ``stalled_seconds``.
    ``reports_at_most`` counts the reports of all processes that use one database.
    """

    keep_alive_seconds: float
    seconds_at_most: float
    stalled_seconds: float
    reports_at_most: int


def limits() -> Limits:
    """Read the settings.

    Raises ImproperlyConfigured for a value that is not a number above 0.
    """
    return Limits(
        keep_alive_seconds=_above_zero("REPORT_KEEP_ALIVE_SECONDS", 1.5),
        seconds_at_most=_above_zero("REPORT_SECONDS_AT_MOST", 3600),
        stalled_seconds=_above_zero("REPORT_STALLED_CLIENT_SECONDS", 60),
        reports_at_most=int(_above_zero("REPORTS_AT_MOST", 2)),
    )


def _above_zero(name: str, default: float) -> float:
    value = getattr(settings, name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a number above 0")
    return value
