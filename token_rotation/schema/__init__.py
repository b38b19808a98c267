"""Migration operations for a table that serves traffic.

A DDL statement that waits for its lock makes every later query on the table wait behind it. These
operations wait at most ``TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS`` (default 100) at a time, give way,
and try again for ``TOKEN_ROTATION_DDL_RETRY_SECONDS`` (default 600). Every few seconds they name
the session that they wait for. 100 ms is far longer than a web request holds a lock, and short
enough to be one slow request.
"""

from token_rotation.postgres.ddl_locks.attempts import LockNotGrantedError
from token_rotation.schema.ensure_rotated import EnsureRotated, RowsPendingError
from token_rotation.schema.index import AddIndexConcurrentlyPolitely, UnexpectedIndexError
from token_rotation.schema.operations import (
    AddFieldPolitely,
    AddTriggerPolitely,
    AlterFieldPolitely,
    CreateModelPolitely,
    RemoveTriggerPolitely,
    ReplaceTriggerPolitely,
)
from token_rotation.schema.other_app import OnTableOf
from token_rotation.schema.refusal import ChangeRefusedError

__all__ = [
    "AddFieldPolitely",
    "AddIndexConcurrentlyPolitely",
    "AddTriggerPolitely",
    "AlterFieldPolitely",
    "ChangeRefusedError",
    "CreateModelPolitely",
    "EnsureRotated",
    "LockNotGrantedError",
    "OnTableOf",
    "RemoveTriggerPolitely",
    "ReplaceTriggerPolitely",
    "RowsPendingError",
    "UnexpectedIndexError",
]
