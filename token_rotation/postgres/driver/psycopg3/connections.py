"""Connections of the driver."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from psycopg import pq

from token_rotation.postgres.driver.psycopg3.adapters import adapt_as_own
from token_rotation.postgres.driver.psycopg3.cursors import OwnCursor, OwnNamedCursor

NOTICES_KEPT = 50
"""As many as psycopg 2 keeps."""


def is_idle(raw: Any) -> bool:
    """Return True if a connection of the driver is in no transaction."""
    return bool(raw.info.transaction_status == pq.TransactionStatus.IDLE)


def make_own(raw: Any) -> None:
    """Let a connection treat statements and values as psycopg 2 does.

    The client puts the values in, and the last statement of a message gives the answer. Infinite
    times, and years out of Python's range, are read as text. The text, sent back, is the same value
    again: a primary key may be such a time.
    """
    adapt_as_own(raw.adapters)
    raw.cursor_factory = OwnCursor
    raw.server_cursor_factory = OwnNamedCursor


def notices_of(raw: Any) -> Sequence[str]:
    """Return the last notices and warnings of the server, to which newer ones are added."""
    notices: deque[str] = deque(maxlen=NOTICES_KEPT)
    raw.add_notice_handler(
        lambda said: notices.append(f"{said.severity}:  {said.message_primary}\n")
    )
    return notices


def parameters_of(raw: Any) -> dict[str, str]:
    """Return the parameters that it was opened with, without the password."""
    parameters: dict[str, str] = raw.info.get_parameters()
    return parameters


def pointer_of(raw: Any) -> int:
    """Return libpq's own connection."""
    pointer: int = raw.pgconn.pgconn_ptr
    return pointer


def libpq_path() -> str:
    """Return the file of the libpq that the driver uses, or of what links it."""
    if pq.__impl__ == "python":
        return str(import_module("psycopg.pq.misc").find_libpq_full_path())
    package = {"binary": "psycopg_binary", "c": "psycopg_c"}[pq.__impl__]
    return str(import_module(f"{package}.pq").__file__)
