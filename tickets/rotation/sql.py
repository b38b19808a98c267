"""Every SQL text of a rotation, one builder a statement.

A builder takes a target (and which bounds are in play) and returns a ``psycopg2.sql.Composed``;
identifiers are quoted, values stay named parameters for the caller: those of
``selection_sql.values_of`` wherever rows are pending, ``batch_rows``, ``lock_timeout_ms``,
``token_prefix``. Each docstring names the lock that the statement takes on the target's table.
"""

from __future__ import annotations

from psycopg2 import sql

from tickets.rotation.key_range import EVERY_KEY, KeyRange
from tickets.rotation.selection_sql import new_marker, pending, still_pending
from tickets.rotation.target import Target
from tickets.rotation.token_source import SqlTokens

Statement = sql.Composable

BEGIN = sql.SQL("BEGIN")
COMMIT = sql.SQL("COMMIT")
ROLLBACK = sql.SQL("ROLLBACK")

LIMIT_LOCK_WAIT = sql.SQL("SET LOCAL lock_timeout = %(lock_timeout_ms)s")
LIMIT_STATEMENT = sql.SQL("SET LOCAL statement_timeout = %(statement_timeout_ms)s")
WITHOUT_A_LIMIT = sql.SQL("SET LOCAL statement_timeout = 0")
"""Whatever the role has, which was meant for requests."""

AVOID_FULL_SCANS = sql.SQL("SET LOCAL enable_seqscan = off")
"""A batch is a stretch of an index, whatever stale statistics make the planner believe."""

AVOID_NESTED_LOOPS = sql.SQL("SET LOCAL enable_nestloop = off")
"""Rows and tokens of a batch meet in a hash or a merge. The planner prefers a nested loop where the
statistics know of no pending row, and that compares every row with every token."""

KEEP_TOKENS = sql.SQL("SELECT set_config('rotation.tokens', %(tokens)s, true) IS NULL")
"""For the statements of this transaction; ``tokens`` is an array in its text form. The server may
log the text of a statement that fails, and this one does not fail where an UPDATE may."""

KEEP_RECORD_BRIEFLY = "SET LOCAL lock_timeout = 1000; SET LOCAL statement_timeout = 5000"
"""For the statements on a run's record, which must never hold a rotation up. Milliseconds."""

WITHOUT_A_FLUSH = "SET LOCAL synchronous_commit = off"
"""For what may be lost in a crash of the server: how far a run had come, which the data knows."""

BACKEND_PID = sql.SQL("SELECT pg_backend_pid()")

CLOCK = sql.SQL("SELECT clock_timestamp()")
"""The clock that sets the markers."""


_SLICED_UUID = sql.SQL(
    "overlay(overlay(encode(set_bit(set_bit(substr(sha256("
    "(SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || "
    "oidsend({table}.tableoid) || tidsend({table}.ctid)"
    "), 1, 16), 71, 1), 70, 0), 'hex') PLACING '4' FROM 13) PLACING %(token_prefix)s FROM 1)::uuid"
)
"""A UUID of version 4 that begins with ``token_prefix``. The rest is a hash of 244 random bits,
made once a statement and known to nobody, and of the row's place, which no other row has then.
The two bits are the variant's, the 4 is the version. Each random UUID costs the server a system
call or more; a hash costs less."""


def together(*statements: Statement) -> sql.Composed:
    """Statements that are one message and one transaction; the answer is that of the last one.

    PostgreSQL runs the statements of one message as one transaction, which ends with them:
    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT.
    Small batches would feel the round trips of BEGIN and COMMIT.
    """
    return sql.SQL("; ").join(statements)


def bounded(statement: Statement) -> sql.Composed:
    """A statement in a transaction of its own whose waits for locks are bounded.

    Reads are bounded too: behind an ALTER TABLE even a SELECT waits for its lock.
    """
    return together(LIMIT_LOCK_WAIT, AVOID_FULL_SCANS, statement)


def _table(target: Target) -> sql.Identifier:
    return sql.Identifier(target.table)


def _rotated_columns(target: Target, keys: KeyRange, *, sliced: bool) -> sql.Composed:
    source = target.token_source
    if not isinstance(source, SqlTokens):
        raise TypeError(f"the tokens of {target.label} are not made in SQL")
    if sliced:
        return _rotated_to(target, keys, _SLICED_UUID.format(table=_table(target)))
    return _rotated_to(target, keys, sql.SQL(source.expression.replace("%", "%%")))


def _rotated_to(target: Target, keys: KeyRange, token: sql.Composable) -> sql.Composed:
    return sql.SQL("{column} = {token}, {marker} = {time}").format(
        column=sql.Identifier(target.token_column),
        token=token,
        marker=sql.Identifier(target.marker_column),
        time=new_marker(target, keys),
    )


def batch_upper_key(target: Target, keys: KeyRange) -> sql.Composed:
    """The last of the next ``batch_rows`` pending keys; no row when none is pending.

    ACCESS SHARE. An index-only scan of the partial index. Works for any ordered key type: there
    is no max() for uuid before PostgreSQL 18.
    """
    return sql.SQL(
        "SELECT {key} FROM ("
        "SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(batch_rows)s"
        ") AS batch ORDER BY {key} DESC LIMIT 1"
    ).format(
        key=sql.Identifier(target.key_column),
        table=_table(target),
        pending=pending(target, keys),
    )


def batch_upper_keys(target: Target, keys: KeyRange) -> sql.Composed:
    """The upper keys of the next batches of ``batch_rows`` rows, over ``ahead_rows`` pending keys.

    ACCESS SHARE. One index-only scan of the partial index. The last batch may be smaller.
    """
    return sql.SQL(
        "SELECT {key} FROM ("
        "SELECT {key}, row_number() OVER (ORDER BY {key}) AS place, count(*) OVER () AS places "
        "FROM (SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(ahead_rows)s) "
        "AS ahead"
        ") AS batch WHERE place %% %(batch_rows)s = 0 OR place = places ORDER BY {key}"
    ).format(
        key=sql.Identifier(target.key_column),
        table=_table(target),
        pending=pending(target, keys),
    )


def range_upper_keys(target: Target) -> sql.Composed:
    """Every ``range_rows``-th of the first ``ahead_rows`` pending keys, as text.

    ACCESS SHARE. One index-only scan of the partial index. A key's text, sent back as a literal
    without a type, is the key again, whatever its type; and any JSON can hold it.
    """
    return sql.SQL(
        "SELECT {key}::text FROM ("
        "SELECT {key}, row_number() OVER (ORDER BY {key}) AS place "
        "FROM (SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(ahead_rows)s) "
        "AS ahead"
        ") AS numbered WHERE place %% %(range_rows)s = 0 ORDER BY place"
    ).format(
        key=sql.Identifier(target.key_column),
        table=_table(target),
        pending=pending(target, EVERY_KEY),
    )


def rotate_range(target: Target, keys: KeyRange, *, sliced: bool = False) -> sql.Composed:
    """Rotate every pending row of a range; ``sliced`` UUIDs begin with ``token_prefix``.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row; waits for rows locked by others, so it
    runs under a lock timeout.
    """
    return sql.SQL("UPDATE {table} SET {rotated} WHERE {pending}").format(
        table=_table(target),
        rotated=_rotated_columns(target, keys, sliced=sliced),
        pending=pending(target, keys),
    )


def rotate_free_rows(target: Target, keys: KeyRange, *, sliced: bool = False) -> sql.Composed:
    """The same for at most ``batch_rows`` pending rows of a range, passing over locked ones.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, never a wait. FOR UPDATE and not FOR NO KEY
    UPDATE: the token stands in a unique index, so the UPDATE conflicts even with the FOR KEY SHARE
    of a foreign-key check and would wait for it. ``= ANY(ARRAY(...))`` and not a join: the planner
    then looks each key up in the primary key, whatever the statistics say.
    """
    return sql.SQL(
        "UPDATE {table} SET {rotated} WHERE {key} = ANY(ARRAY("
        "SELECT {key} FROM {table} WHERE {pending} "
        "ORDER BY {key} LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED"
        ")) AND {still_pending}"
    ).format(
        table=_table(target),
        rotated=_rotated_columns(target, keys, sliced=sliced),
        key=sql.Identifier(target.key_column),
        pending=pending(target, keys),
        still_pending=still_pending(target, keys),
    )


def rotate_free_rows_with_tokens(target: Target, keys: KeyRange, token_type: str) -> sql.Composed:
    """Rotate at most ``batch_rows`` pending rows of a range to the tokens that KEEP_TOKENS left.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, never a wait. The n-th free row gets the
    n-th token; keys never leave the server, so they may be of any type. The range bounds the scan
    of both sides, whatever the statistics say. ``token_type`` is what ``column_type`` answered.
    """
    return sql.SQL(
        "WITH free AS MATERIALIZED ("
        "SELECT key, row_number() OVER () AS place FROM ("
        "SELECT {key} FROM {table} WHERE {pending} "
        "ORDER BY {key} LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED"
        ") AS locked (key)), made AS ("
        "SELECT token, place FROM unnest(current_setting('rotation.tokens')::{type}[]) "
        "WITH ORDINALITY AS made (token, place)) "
        "UPDATE {table} SET {rotated} FROM free JOIN made USING (place) "
        "WHERE {stored_key} = free.key AND {stored_pending}"
    ).format(
        table=_table(target),
        key=sql.Identifier(target.key_column),
        pending=pending(target, keys),
        type=sql.SQL(token_type),
        rotated=_rotated_to(target, keys, sql.SQL("made.token")),
        stored_key=sql.Identifier(target.table, target.key_column),
        stored_pending=pending(target, keys, qualified=True),
    )


def column_type() -> sql.SQL:
    """The type of ``column`` as SQL names it, without its length. No lock.

    A cast to varchar(8) would cut what is too long; an assignment refuses it.
    """
    return sql.SQL(
        "SELECT format_type(atttypid, -1) FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%(table)s)) AND attname = %(column)s"
    )


def lock_first_pending(target: Target, keys: KeyRange = EVERY_KEY) -> sql.Composed:
    """Wait for the first pending row of a range, to see who holds it.

    ROW SHARE on the table, FOR UPDATE on one row; waits, so it runs under a lock timeout.
    """
    return sql.SQL("SELECT FROM {table} WHERE {pending} ORDER BY {key} LIMIT 1 FOR UPDATE").format(
        table=_table(target),
        pending=pending(target, keys),
        key=sql.Identifier(target.key_column),
    )


def any_pending(target: Target, keys: KeyRange = EVERY_KEY) -> sql.Composed:
    """Whether a range has a pending row. ACCESS SHARE; one entry of the partial index answers."""
    return sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {pending})").format(
        table=_table(target), pending=pending(target, keys)
    )


def count_pending(target: Target, keys: KeyRange) -> sql.Composed:
    """How many rows of a range are pending. ACCESS SHARE; costs what is left, not what is done."""
    return sql.SQL("SELECT count(*) FROM {table} WHERE {pending}").format(
        table=_table(target), pending=pending(target, keys)
    )


def explain_pending(target: Target) -> sql.Composed:
    """The planner's idea of how many rows are pending, as JSON. ACCESS SHARE; reads no rows."""
    return sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {pending}").format(
        table=_table(target), pending=pending(target, EVERY_KEY, for_planner=True)
    )


def count_rows(target: Target) -> sql.Composed:
    """Total, pending, first and last rotation time, of one instant. ACCESS SHARE; a full scan."""
    return sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE {pending}), min({marker}), max({marker}) "
        "FROM {table}"
    ).format(
        table=_table(target),
        marker=sql.Identifier(target.marker_column),
        pending=pending(target, EVERY_KEY),
    )


def estimate_rows() -> sql.SQL:
    """Rows of the table and of its pending index, as VACUUM, ANALYZE or CREATE INDEX last saw them.

    No lock. Takes ``table`` and ``marker``. NULL where nothing was measured yet.
    """
    return sql.SQL(
        "SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, "
        "(SELECT min(i.reltuples)::bigint FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "WHERE x.indrelid = c.oid AND x.indisvalid AND i.reltuples >= 0 "
        "AND pg_get_expr(x.indpred, x.indrelid) = '(' || quote_ident(%(marker)s) || ' IS NULL)') "
        "FROM pg_class c WHERE c.oid = to_regclass(quote_ident(%(table)s))"
    )


def blocking_backends() -> sql.SQL:
    """Who the backend ``pid`` waits for: pid, state, age of the transaction in seconds.

    No lock on the table. State and age are NULL for other roles' backends where the role may not
    see them. The query text is left out on purpose: it may hold a token.
    """
    return sql.SQL(
        "SELECT blocker, a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 "
        "FROM unnest(pg_blocking_pids(%(pid)s)) AS blocker "
        "LEFT JOIN pg_stat_activity a ON a.pid = blocker"
    )


def replica_lag() -> sql.SQL:
    """Of the connected standbys: how many are hidden from this role, how many do not know their
    lag although they are behind, and the longest lag in seconds. No lock.

    pg_stat_replication keeps replay_lag growing while replay stands still, and NULL once caught up.
    """
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE state IS NULL), "
        "count(*) FILTER (WHERE behind AND replay_lag IS NULL AND state = 'catchup'), "
        "coalesce(max(extract(epoch FROM replay_lag)) FILTER (WHERE behind), 0)::float8 "
        "FROM (SELECT state, replay_lag, replay_lsn < pg_current_wal_lsn() AS behind "
        "FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup') AS standby"
    )


def active_queries() -> sql.SQL:
    """Client backends that are no rotation's: how many are hidden from this role, how many active.

    Takes ``own``, the application name of rotations. No lock.
    """
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE state IS NULL), count(*) FILTER (WHERE state = 'active') "
        "FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
        "AND application_name IS DISTINCT FROM %(own)s"
    )


def others_at_work() -> sql.SQL:
    """Whether a session of another program ran a statement in the last 200 ms. No lock.

    Takes ``own``, the application names that do not count. A session whose state this role may
    not see counts as one at work, one that has only connected does not.
    """
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND coalesce(backend_type, 'client backend') = 'client backend' AND datname IS NOT NULL "
        "AND coalesce(application_name, '') <> ALL (%(own)s) "
        "AND (state IS NULL OR state IN ('active', 'disabled') "
        "OR query <> '' AND state_change > clock_timestamp() - interval '200 ms'))"
    )


def replication_role() -> sql.SQL:
    """This session's replication role, and for whom it is set to replica in advance. No lock."""
    return sql.SQL(
        "SELECT current_setting('session_replication_role'), "
        "ARRAY(SELECT coalesce('role ' || r.rolname, 'every role') "
        "|| coalesce(' in database ' || d.datname, '') "
        "FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole "
        "LEFT JOIN pg_database d ON d.oid = s.setdatabase "
        "WHERE 'session_replication_role=replica' = ANY(s.setconfig) "
        "AND (s.setdatabase = 0 OR d.datname = current_database()))"
    )


def column_exists() -> sql.SQL:
    """Whether the table is there, and each of ``columns`` in it. No lock."""
    return sql.SQL(
        "SELECT to_regclass(quote_ident(%(table)s)) IS NOT NULL, "
        "ARRAY(SELECT attname::text FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%(table)s)) "
        "AND attname = ANY(%(columns)s::name[]) AND NOT attisdropped)"
    )


def trigger_states() -> sql.SQL:
    """Name, firing mode and comment of those of ``triggers`` that the table has. No lock.

    The mode is pg_trigger.tgenabled: O fires for ordinary sessions, A always, R only for
    replication, D never.
    """
    return sql.SQL(
        "SELECT tgname::text, tgenabled::text, obj_description(oid, 'pg_trigger') FROM pg_trigger "
        "WHERE tgrelid = to_regclass(quote_ident(%(table)s)) "
        "AND NOT tgisinternal AND tgname = ANY(%(triggers)s::name[])"
    )


def index_states() -> sql.SQL:
    """Indexes of the table: name, unique, predicate, valid, columns. No lock."""
    return sql.SQL(
        "SELECT c.relname::text, x.indisunique, pg_get_expr(x.indpred, x.indrelid), "
        "x.indisvalid AND x.indisready, "
        "ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, place) "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum ORDER BY place) "
        "FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid "
        "WHERE x.indrelid = to_regclass(quote_ident(%(table)s))"
    )


def vacuum(target: Target, *, analyze: bool) -> sql.Composed:
    """Let the dead rows' space be used again. Cannot run in a transaction.

    SHARE UPDATE EXCLUSIVE, or nothing with a warning where another has that lock: reads and writes
    go on. No truncation, whose lock stops both; no parallel workers, whose cost limits add up.
    """
    return sql.SQL(
        "VACUUM (SKIP_LOCKED, TRUNCATE false, PARALLEL 0, ANALYZE {analyze}) {table}"
    ).format(analyze=sql.SQL("true" if analyze else "false"), table=_table(target))


def vacuum_cost() -> sql.SQL:
    """This session's vacuum_cost_delay in milliseconds and vacuum_cost_limit. No lock."""
    return sql.SQL(
        "SELECT max(setting::float8) FILTER (WHERE name = 'vacuum_cost_delay'), "
        "max(setting::int) FILTER (WHERE name = 'vacuum_cost_limit') FROM pg_settings"
    )


def may_read() -> sql.SQL:
    """Whether this role may read the whole row, its place included. No lock."""
    return sql.SQL("SELECT has_table_privilege(to_regclass(quote_ident(%(table)s)), 'SELECT')")


def may_vacuum() -> sql.SQL:
    """Whether this role may vacuum the table: owner of it or of the database, superuser, or
    granted MAINTAIN (PostgreSQL 17). No lock.
    """
    return sql.SQL(
        "SELECT pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') "
        "OR CASE WHEN current_setting('server_version_num')::int >= 170000 "
        "THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END "
        "FROM pg_class c, pg_database d WHERE d.datname = current_database() "
        "AND c.oid = to_regclass(quote_ident(%(table)s))"
    )


def table_upkeep() -> sql.SQL:
    """Who has the lock that VACUUM needs: pid and kind of backend, NULL where hidden. No lock.

    pg_locks and not pg_stat_progress_vacuum, which hides autovacuum from ordinary roles.
    """
    return sql.SQL(
        "SELECT l.pid, a.backend_type FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND l.relation = to_regclass(quote_ident(%(table)s)) AND l.pid <> pg_backend_pid() LIMIT 1"
    )


def next_transaction() -> sql.SQL:
    """A number (xid) that is older than every transaction that is still to begin. No lock."""
    return sql.SQL("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text::bigint")


def oldest_snapshot() -> sql.SQL:
    """Who keeps every row alive that died since the transaction ``since_xid``: the oldest.

    Kind, name, state, age in seconds and in transactions; state and seconds are NULL where there
    are none. With a ``since_xid`` of NULL: who keeps any dead row alive. Sessions
    of other roles are seen only by members of pg_read_all_stats. No lock. VACUUM pays no regard to
    sessions of other databases, nor to other VACUUMs.
    """
    return sql.SQL(
        "SELECT kind, name, state, extract(epoch FROM clock_timestamp() - since)::float8, xids "
        "FROM ("
        "SELECT 'pid' AS kind, pid::text AS name, state, xact_start AS since, "
        "greatest(age(backend_xid), age(backend_xmin)) AS xids FROM pg_stat_activity "
        "WHERE (datname = current_database() OR datname IS NULL) AND pid <> pg_backend_pid() "
        "AND backend_type IS DISTINCT FROM 'autovacuum worker' "
        "AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum) "
        "UNION ALL SELECT 'prepared transaction', gid, NULL, prepared, age(transaction) "
        "FROM pg_prepared_xacts WHERE database = current_database() "
        "UNION ALL SELECT 'replication slot', slot_name, NULL, NULL, age(xmin) "
        "FROM pg_replication_slots) AS holder "
        "WHERE xids >= coalesce(age(%(since_xid)s::text::xid), 0) ORDER BY xids DESC LIMIT 1"
    )
