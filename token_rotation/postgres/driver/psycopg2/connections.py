"""Connections of the driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from psycopg2 import DataError, _psycopg, extensions

_READ: dict[int, Callable[[Any, Any], Any]] = {
    1082: extensions.PYDATE,
    1114: extensions.PYDATETIME,
    1184: extensions.PYDATETIMETZ,
}
"""By type: date, timestamp, timestamptz."""


def is_idle(raw: Any) -> bool:
    """Return True if a connection of the driver is in no transaction."""
    return bool(raw.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE)


def make_own(raw: Any) -> None:
    """Let a connection read infinite times, and years out of Python's range, as text.

    The driver fails on such a year, and takes infinity for another time. The text, sent back, is
    the same value again: a primary key may be such a time.
    """
    for oid, read in _READ.items():
        extensions.register_type(extensions.new_type((oid,), "TIME", _or_text(read)), raw)


def _or_text(read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def cast(text: str | None, cursor: Any) -> Any:
        if text in ("infinity", "-infinity"):
            return text
        try:
            return read(text, cursor)
        except (ValueError, OverflowError, DataError):
            return text

    return cast


def notices_of(raw: Any) -> Sequence[str]:
    """Return the last notices and warnings of the server, to which newer ones are added."""
    notices: Sequence[str] = raw.notices
    return notices


def parameters_of(raw: Any) -> dict[str, str]:
    """Return the parameters that it was opened with, without the password."""
    parameters: dict[str, str] = raw.info.dsn_parameters
    return parameters


def pointer_of(raw: Any) -> int:
    """Return libpq's own connection."""
    pointer: int = raw.pgconn_ptr
    return pointer


def libpq_path() -> str:
    """Return the file of the libpq that the driver uses, or of what links it."""
    return str(_psycopg.__file__)
