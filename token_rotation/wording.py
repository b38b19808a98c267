"""Numbers as people read them."""

from __future__ import annotations

UNKNOWN = "–"


def count(rows: int | None, *, is_estimate: bool = False) -> str:
    """``1,234,567``, ``about 1,234,567`` for an estimate, ``–`` for unknown."""
    if rows is None:
        return UNKNOWN
    return f"about {rows:,}" if is_estimate else f"{rows:,}"


def things(number: int, one: str, several: str | None = None) -> str:
    """Return ``1 token`` or ``1,234 tokens``, with the right plural.

    ``several`` is where an "s" is not enough.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def rate(rows_per_second: float | None) -> str:
    """``81,234 rows/s``."""
    return f"{UNKNOWN} rows/s" if rows_per_second is None else f"{rows_per_second:,.0f} rows/s"


def giving_way(because: str, *, before: str = "") -> str:
    """``giving way to traffic: probe +6.1 ms of 5``, or "" for no reason."""
    return f"{before}giving way to traffic: {because}" if because else ""


def size(number: int | None) -> str:
    """Return bytes as ``117 MB``, as PostgreSQL says it.

    1 MB is 1024 kB. ``–`` for unknown.
    """
    if number is None:
        return UNKNOWN
    amount, units = float(number), ["TB", "GB", "MB", "kB"]
    if amount < 1024:
        return f"{number} bytes"
    while amount >= 1024 and units:
        amount, unit = amount / 1024, units.pop()
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"


def duration(seconds: float | None) -> str:
    """Return a duration as ``0:01:05``.

    With days in front when there are any: ``2 d 3:00:00``.
    """
    if seconds is None:
        return UNKNOWN
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour}:{minute:02}:{second:02}"
    return f"{days} d {clock}" if days else clock


def percent(part: int, whole: int) -> float:
    """Return a percentage rounded down to two places.

    So 100 is said only when it is so.
    """
    return 100.0 if part >= whole else (10_000 * part // whole) / 100


def ranges(at_work: int, waiting: int) -> str:
    """``2 ranges at work, 14 waiting``."""
    return f"{things(at_work, 'range')} at work, {waiting:,} waiting"
