"""Connections of one's own to PostgreSQL, what its errors mean, and locks for DDL.

Below everything else that talks to the server: nothing here knows a table.
"""

from token_rotation.postgres.connection import Connection, fault_of, reading, reason_of
from token_rotation.postgres.ddl_locks.attempts import LockNotGrantedError, politely
from token_rotation.postgres.sqlstate import Backoff, Fault, classify

__all__ = [
    "Backoff",
    "Connection",
    "Fault",
    "LockNotGrantedError",
    "classify",
    "fault_of",
    "politely",
    "reading",
    "reason_of",
]
