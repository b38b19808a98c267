"""Connections to PostgreSQL, its errors, retries, and DDL locks.

Nothing here knows a table or a token.
"""

from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.cancel_request import CancelRequest
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.ddl_locks.attempts import LockNotGrantedError, politely
from token_rotation.postgres.ddl_locks.holders import who_holds
from token_rotation.postgres.faults.failures import (
    fault_of,
    first_of,
    is_lost,
    is_met_by_function,
    is_raised,
    is_read_only,
    is_session_lost,
    reason_of,
    sqlstate_of,
)
from token_rotation.postgres.faults.session_timeouts import what_ends_sessions
from token_rotation.postgres.faults.sqlstate import Fault, classify
from token_rotation.postgres.faults.table_locks import table_locks_after
from token_rotation.postgres.faults.unrecorded import TO_RECORD, way_out
from token_rotation.postgres.opening import open_raw, patience, watched_session
from token_rotation.postgres.reading import reading
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.postgres.sessions import OPERATORS_WORK, watch_sessions
from token_rotation.postgres.silence.errors import SilentServerError, StillAliveError
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.postgres.transaction_settings import limited_lock_waits, without_standby

__all__ = [
    "OPERATORS_WORK",
    "TO_RECORD",
    "Backoff",
    "CancelRequest",
    "Connection",
    "Fault",
    "LockNotGrantedError",
    "SilentServerError",
    "StillAliveError",
    "classify",
    "django_cursor",
    "fault_of",
    "first_of",
    "is_lost",
    "is_met_by_function",
    "is_raised",
    "is_read_only",
    "is_session_lost",
    "limited_lock_waits",
    "open_raw",
    "patience",
    "politely",
    "reading",
    "reason_of",
    "retry_at_once",
    "sqlstate_of",
    "table_locks_after",
    "watch_sessions",
    "watched_session",
    "way_out",
    "what_ends_sessions",
    "who_holds",
    "without_standby",
]
