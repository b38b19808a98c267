"""The database driver, psycopg 2: its errors, and its builder of statements.

Nothing outside of this package imports psycopg2. A few modules inside need more of it than this.
"""

from __future__ import annotations

from typing import Any

from psycopg2 import (
    DataError,
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    sql,
)
from psycopg2.errors import ObjectNotInPrerequisiteState, QueryCanceled
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, Diagnostics
from psycopg2.sql import SQL, Composed, Identifier, Literal

__all__ = [
    "SQL",
    "Composed",
    "DataError",
    "Diagnostics",
    "Error",
    "Identifier",
    "InterfaceError",
    "InternalError",
    "Literal",
    "ObjectNotInPrerequisiteState",
    "OperationalError",
    "ProgrammingError",
    "QueryCanceled",
    "is_idle",
    "sql",
    "sqlstate_of",
]


def is_idle(connection: Any) -> bool:
    """Return True if a connection of the driver is in no transaction."""
    return bool(connection.info.transaction_status == TRANSACTION_STATUS_IDLE)


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the driver, None for any other.

    An error that the server did not send has none either, such as a lost connection.
    """
    return error.pgcode if isinstance(error, Error) else None
