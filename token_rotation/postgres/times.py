"""Times that PostgreSQL stores and Python cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg2 import extensions

from token_rotation.postgres import driver

_READ: dict[int, Callable[[Any, Any], Any]] = {
    1082: extensions.PYDATE,
    1114: extensions.PYDATETIME,
    1184: extensions.PYDATETIMETZ,
}
"""By type: date, timestamp, timestamptz."""


def hold_every_time(connection: Any) -> None:
    """Let a driver's connection read infinite times, and years out of Python's range, as text.

    The driver fails on such a year, and takes infinity for another time. The text, sent back, is
    the same value again: a primary key may be such a time.
    """
    for oid, read in _READ.items():
        extensions.register_type(extensions.new_type((oid,), "TIME", _or_text(read)), connection)


def _or_text(read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def cast(text: str | None, cursor: Any) -> Any:
        if text in ("infinity", "-infinity"):
            return text
        try:
            return read(text, cursor)
        except (ValueError, OverflowError, driver.DataError):
            return text

    return cast
