"""Migration operations for a table that serves traffic.

A DDL statement that waits for its lock makes every later query on the table wait behind it. These
operations wait at most ``ROTATION_DDL_LOCK_TIMEOUT_MS`` (default 100) at a time, give way, and try
again for ``ROTATION_DDL_RETRY_SECONDS`` (default 600), saying every few seconds whom they wait for.
100 ms is far longer than a web request holds a lock and short enough to be one slow request.
"""

from tickets.locking.attempts import LockNotGrantedError
from tickets.rotation.ddl.ensure_rotated import EnsureRotated, RowsPendingError
from tickets.rotation.ddl.index import AddIndexConcurrentlyPolitely, UnexpectedIndexError
from tickets.rotation.ddl.operations import (
    AddFieldPolitely,
    AddTriggerPolitely,
    AlterFieldPolitely,
    CreateModelPolitely,
    RemoveTriggerPolitely,
    ReplaceTriggerPolitely,
)
from tickets.rotation.ddl.other_app import OnTableOf
from tickets.rotation.ddl.refusal import ChangeRefusedError

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
