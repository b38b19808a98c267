"""How large the token's index is."""

from __future__ import annotations

import psycopg2

from tickets.rotation import sql, upkeep_sql
from tickets.rotation.connection import Connection, fault_of
from tickets.rotation.retry import Fault
from tickets.rotation.storage import PAGE_BYTES
from tickets.rotation.target import Target

LOOK_AT_MOST_MS = 1000


def index_pages(connection: Connection, target: Target) -> int:
    """Pages of the token's largest index; 0 without one, or where others keep it locked.

    Driver errors other than that pass through.
    """
    query = sql.bounded(upkeep_sql.token_indexes())
    values = {
        "table": target.table,
        "token": target.token_column,
        "lock_timeout_ms": LOOK_AT_MOST_MS,
    }
    try:
        indexes = connection.rows(query, values)
    except psycopg2.Error as error:
        if fault_of(error) is Fault.LOCKED:
            return 0
        raise
    return max((int(bytes_now) for _, bytes_now, *_ in indexes), default=0) // PAGE_BYTES
