"""Migration operations for a table that serves traffic.

This package is frozen. Migration files of other projects hold these names and their arguments, and
must run for ever. A release may add names and optional arguments; it takes none away, and renames
none. The tests run migrations that an earlier ``makemigrations`` wrote.

A DDL statement that waits for its lock makes every later query on the table wait behind it. These
operations wait at most ``TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS`` (default 100) at a time, give way,
and try again for ``TOKEN_ROTATION_DDL_RETRY_SECONDS`` (default 600). Every few seconds they name
the session that they wait for. 100 ms is far longer than a web request holds a lock, and short
enough to be one slow request.
"""

from token_rotation.postgres.ddl_locks.attempts import LockNotGrantedError
from token_rotation.schema.columns import (
    AddFieldPolitely,
    AlterFieldPolitely,
    CreateModelPolitely,
    RemoveMarkerPolitely,
)
from token_rotation.schema.indexes.concurrently import (
    AddIndexConcurrentlyPolitely,
    RemoveIndexConcurrentlyPolitely,
    UnexpectedIndexError,
)
from token_rotation.schema.indexes.hashed_key import HashedKey
from token_rotation.schema.other_app import OnTableOf
from token_rotation.schema.pending.ensure_rotated import EnsureRotated
from token_rotation.schema.pending.pending_rows import RowsPendingError
from token_rotation.schema.postgres_sql import PostgresSql
from token_rotation.schema.refusal import ChangeRefusedError
from token_rotation.schema.together import TogetherPolitely
from token_rotation.schema.token_sql import TokenSql
from token_rotation.schema.triggers import (
    AddTriggerPolitely,
    RemoveTriggerPolitely,
    ReplaceTriggerPolitely,
)
from token_rotation.triggers.templates import GuardSql, UnconditionalSql

__all__ = [
    "AddFieldPolitely",
    "AddIndexConcurrentlyPolitely",
    "AddTriggerPolitely",
    "AlterFieldPolitely",
    "ChangeRefusedError",
    "CreateModelPolitely",
    "EnsureRotated",
    "GuardSql",
    "HashedKey",
    "LockNotGrantedError",
    "OnTableOf",
    "PostgresSql",
    "RemoveIndexConcurrentlyPolitely",
    "RemoveMarkerPolitely",
    "RemoveTriggerPolitely",
    "ReplaceTriggerPolitely",
    "RowsPendingError",
    "TogetherPolitely",
    "TokenSql",
    "UnconditionalSql",
    "UnexpectedIndexError",
]

# ``makemigrations`` writes a class as its module and its name: those that stay.
for _written in (
    AddFieldPolitely,
    AddIndexConcurrentlyPolitely,
    AddTriggerPolitely,
    AlterFieldPolitely,
    CreateModelPolitely,
    EnsureRotated,
    GuardSql,
    HashedKey,
    OnTableOf,
    PostgresSql,
    RemoveIndexConcurrentlyPolitely,
    RemoveMarkerPolitely,
    RemoveTriggerPolitely,
    ReplaceTriggerPolitely,
    TogetherPolitely,
    TokenSql,
    UnconditionalSql,
):
    _written.__module__ = __name__
