"""The driver that Django uses, for sessions of tests beside those of the library."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql.psycopg_any import (  # type: ignore[import-untyped]
    errors,
    is_psycopg3,
    sql,
)

if is_psycopg3:
    import psycopg as module
    from psycopg.conninfo import conninfo_to_dict as parse_dsn
else:
    import psycopg2 as module
    from psycopg2.extensions import parse_dsn

DataError = module.DataError
Error = module.Error
IntegrityError = module.IntegrityError
OperationalError = module.OperationalError
QueryCanceled = errors.QueryCanceled
SQLSTATE_NAME = "sqlstate" if is_psycopg3 else "pgcode"

__all__ = [
    "SQLSTATE_NAME",
    "DataError",
    "Error",
    "IntegrityError",
    "OperationalError",
    "QueryCanceled",
    "connect",
    "connect_beside",
    "copy_from",
    "errors",
    "parse_dsn",
    "sql",
    "sqlstate_of",
]


def connect(dsn: str = "", **parameters: Any) -> Any:
    """Return a connection that treats statements and values as psycopg 2 does, with ``notices``."""
    connection: Any = module.connect(dsn, **parameters)
    if is_psycopg3:
        from token_rotation.postgres import driver  # noqa: PLC0415

        driver.make_own(connection)
        connection.notices = driver.notices_of(connection)
    return connection


def copy_from(cursor: Any, query: Any, source: Any) -> None:
    """Send a COPY and the data of a file."""
    from token_rotation.postgres import driver  # noqa: PLC0415

    driver.copy_from(cursor, query, source)


def connect_beside(connection: Any) -> Any:
    """Return another connection to the same database."""
    return connect(connection.info.dsn if is_psycopg3 else connection.dsn)


def sqlstate_of(error: BaseException | None) -> Any:
    """Return the SQLSTATE of an error of the driver, None for any other."""
    return getattr(error, SQLSTATE_NAME, None)
