"""SQL that frames transactions, and statements in one message.

It begins and ends transactions.

Nothing here knows a table. Values stay named parameters for the caller.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql

Statement = sql.Composable

EVERY_ROW_OR_ERROR = sql.SQL("SET LOCAL row_security = off")
"""Let PostgreSQL refuse a statement from which a policy would hide rows (SQLSTATE 42501).

Row security would leave the hidden rows out without a word. Local: behind a pooler a setting of the
session would reach other clients, or be lost.
"""

LOCK_TIMEOUT_MS = 500
"""How long a statement that says nothing else waits for a lock; signals are heard after it."""

FRAME = sql.SQL("{}; SET LOCAL lock_timeout = {}").format(
    EVERY_ROW_OR_ERROR, sql.Literal(LOCK_TIMEOUT_MS)
)
"""What precedes the statements of each transaction.

Reads of the catalogue need a bound too: behind somebody's LOCK TABLE they wait for ever, where
they write a definition as text or look up a size.
"""

BEGIN = sql.SQL("BEGIN; {}").format(FRAME)

BEGIN_ONE_SNAPSHOT = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ; {}").format(FRAME)
"""Every statement sees the table as the first SELECT finds it."""

COMMIT = sql.SQL("COMMIT")

ROLLBACK = sql.SQL("ROLLBACK")

LIMIT_LOCK_WAIT = sql.SQL("SET LOCAL lock_timeout = %(lock_timeout_ms)s")

LIMIT_STATEMENT = sql.SQL("SET LOCAL statement_timeout = %(statement_timeout_ms)s")

LASTING = sql.SQL(
    "SELECT set_config('transaction_timeout', '0', true) "
    "WHERE current_setting('transaction_timeout', true) IS NOT NULL"
)
"""Let this transaction last, whatever transaction_timeout the role has.

PostgreSQL 17 knows that setting.
"""

LIMIT_LOOK = sql.SQL("{}; {}").format(LASTING, LIMIT_STATEMENT)
"""The bound of a look, in place of those of the role, which were meant for requests."""

NO_STATEMENT_TIMEOUT = sql.SQL("SET LOCAL statement_timeout = 0")

WITHOUT_A_LIMIT = sql.SQL("{}; {}").format(LASTING, NO_STATEMENT_TIMEOUT)
"""Overrides the timeouts of the role, which were meant for requests.

It is a SELECT, which takes the snapshot of a REPEATABLE READ transaction.
"""

AVOID_FULL_SCANS = sql.SQL("SET LOCAL enable_seqscan = off")
"""Count in an index, whatever stale statistics make the planner believe.

Only for statements that have another way than a full scan. Before PostgreSQL 18, a statement that
has none blinds the planner to all other costs, and so do settings that contradict each other.
"""

USE_NO_INDEX = sql.SQL(
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; "
    "SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"
)
"""Read tables themselves. Only for statements that have a full scan as another way."""

READ_IN_KEY_ORDER = sql.SQL("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
"""Read a batch as a stretch of an index.

Where statistics know of few pending rows, the planner would otherwise make a bitmap of all of them,
and sort them, for each batch.
"""

WRITE_BACK_PAGES = 16

WRITE_BACK_SOON = sql.SQL("SET LOCAL backend_flush_after = {}").format(
    sql.Literal(WRITE_BACK_PAGES)
)
"""Let the kernel write soon what this session evicts from the server's memory.

It would keep that until a checkpoint syncs all of it, and every COMMIT would wait for the disk.
"""

AVOID_NESTED_LOOPS = sql.SQL("SET LOCAL enable_nestloop = off; SET LOCAL jit = off")
"""Join rows with tokens by hash or merge.

Where statistics know of no row, the planner prefers a nested loop, which compares every row with
every token. A filter's join may have no other way. Before PostgreSQL 18 that makes the cost so
high that the server would compile each batch first, so JIT is off too.
"""

FIRE_DEFERRED_TRIGGERS = sql.SQL("SET CONSTRAINTS ALL IMMEDIATE")
"""Those of this transaction, now and not at its COMMIT."""

BACKEND_PID = sql.SQL("SELECT pg_backend_pid()")

KEEP_RECORD_BRIEFLY = "SET LOCAL lock_timeout = 1000; SET LOCAL statement_timeout = 5000"
"""For statements on a run's record, which must never delay a rotation. Milliseconds."""

WITHOUT_A_STANDBY = "SET LOCAL synchronous_commit = local"
"""For what must not wait for a synchronous standby, which no timeout bounds."""

WITHOUT_A_FLUSH = "SET LOCAL synchronous_commit = off"
"""For what may be lost in a crash: the progress of a run, which the data shows too."""

CLOCK = sql.SQL("SELECT clock_timestamp()")
"""The clock that sets the markers."""

UTC_CLOCK = sql.SQL("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
"""The same in UTC and without an offset, whatever the session's time zone and USE_TZ."""

SECONDS_TO_CUT_OFF = sql.SQL(
    "SELECT extract(epoch FROM %(issued_before)s - clock_timestamp())::float8"
)
"""How far the clock is behind the cut-off ``issued_before``."""


def together(*statements: Statement) -> sql.Composed:
    """Send statements as one message and one transaction.

    The last one gives the answer.

    PostgreSQL runs the statements of one message as one transaction, which ends with them:
    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT.
    Small batches would feel the round trips of BEGIN and COMMIT.
    """
    return sql.SQL("; ").join(statements)


def bounded(statement: Statement) -> sql.Composed:
    """Run one statement in a transaction, with bounded lock waits.

    Reads need that too: behind an ALTER TABLE even a SELECT waits.
    """
    return together(LIMIT_LOCK_WAIT, READ_IN_KEY_ORDER, statement)


WHILE_WRITING = (LIMIT_LOCK_WAIT, READ_IN_KEY_ORDER, WRITE_BACK_SOON)
"""The settings of a batch."""


def writing(statement: Statement) -> sql.Composed:
    """``bounded`` for a batch."""
    return together(*WHILE_WRITING, statement)


def looking(statement: Statement) -> sql.Composed:
    """``bounded`` for a look-up in an index, without a statement_timeout.

    While an old snapshot is open, the look-up steps over the entries of all rows rotated since.
    Under a timeout meant for requests it would fail again and again.
    """
    return bounded(together(WITHOUT_A_LIMIT, statement))


def vacuum_cost() -> sql.SQL:
    """Return this session's vacuum_cost_delay in milliseconds and vacuum_cost_limit.

    No lock.
    """
    return sql.SQL(
        "SELECT max(setting::float8) FILTER (WHERE name = 'vacuum_cost_delay'), "
        "max(setting::int) FILTER (WHERE name = 'vacuum_cost_limit') FROM pg_settings"
    )


def without_transaction_timeout() -> sql.SQL:
    """Let transactions of this session last.

    PostgreSQL 17 can limit them. No lock.

    Not a start-up option: older servers refuse one that they do not know.
    """
    return sql.SQL(
        "SELECT set_config('transaction_timeout', '0', false) "
        "WHERE current_setting('transaction_timeout', true) IS NOT NULL"
    )
