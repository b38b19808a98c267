"""Every SQL text of the polite migration operations, one builder a statement.

The DDL itself is Django's and django-pgtrigger's; these are the statements around it.
"""

from psycopg2.sql import SQL, Composed, Identifier, Literal


def read_timeout(name: str) -> Composed:
    """One value: the timeout's present setting, NULL where this server has none of that name.

    Takes no lock.
    """
    return SQL("SELECT current_setting({name}, true)").format(name=Literal(name))


def set_timeout(name: str, value: str, *, local: bool) -> Composed:
    """Set a timeout, ``local`` to the transaction or for the session. Takes no lock.

    ``value`` has PostgreSQL's form: "100ms", "0" for never.
    """
    return SQL("SELECT set_config({name}, {value}, {local})").format(
        name=Literal(name), value=Literal(value), local=Literal(local)
    )


def forget_activity() -> Composed:
    """Let the next look at pg_stat_activity see the present: a transaction caches its first look.

    Takes no lock.
    """
    return SQL("SELECT pg_stat_clear_snapshot()").format()


def table_lock_holders(table: str) -> Composed:
    """Rows (pid, state, seconds in transaction) of up to 5 others that hold a lock on the table.

    Oldest first. A prepared transaction has no pid; states of other roles may be hidden (NULL).
    Takes no lock.
    """
    return SQL(
        "SELECT DISTINCT l.pid, a.state,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds"
        " FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'relation' AND l.granted"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND l.relation = to_regclass(quote_ident({table}))"
        " AND l.pid IS DISTINCT FROM pg_backend_pid()"
        " ORDER BY age_seconds DESC NULLS LAST LIMIT 5"
    ).format(table=Literal(table))


def blockers(pid: int) -> Composed:
    """Rows (pid, state, seconds in transaction) of the sessions that the backend ``pid`` waits for.

    Oldest first, up to 5. Takes no lock.
    """
    return SQL(
        "SELECT b.pid, a.state,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds"
        " FROM unnest(pg_blocking_pids({pid})) AS b (pid)"
        " LEFT JOIN pg_stat_activity a ON a.pid = b.pid"
        " ORDER BY age_seconds DESC NULLS LAST LIMIT 5"
    ).format(pid=Literal(pid))


def backend_pid() -> Composed:
    """One value: this session's backend. Takes no lock."""
    return SQL("SELECT pg_backend_pid()").format()


def index_state(index: str) -> Composed:
    """At most one row (table, valid, definition, pid of the backend that builds it now or NULL).

    Takes no lock.
    """
    return SQL(
        "SELECT t.relname, i.indisvalid AND i.indisready AND i.indislive,"
        " pg_get_indexdef(i.indexrelid),"
        " (SELECT p.pid FROM pg_stat_progress_create_index p"
        "  WHERE p.index_relid = i.indexrelid AND p.datname = current_database() LIMIT 1)"
        " FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
        " WHERE i.indexrelid = to_regclass(quote_ident({index}))"
    ).format(index=Literal(index))


def has_rows(table: str) -> Composed:
    """One value. ACCESS SHARE."""
    return SQL("SELECT EXISTS (SELECT FROM {table})").format(table=Identifier(table))


def create_shadow_table(table: str) -> Composed:
    """An empty temporary table of the same name and columns, which hides the real one.

    Only in a transaction that is rolled back. Locks the real table ACCESS SHARE.
    """
    return SQL("CREATE TEMPORARY TABLE {table} (LIKE {table})").format(table=Identifier(table))


def drop_index_concurrently(index: str) -> Composed:
    """Drop an index, also an INVALID one. Cannot run in a transaction.

    Locks the table SHARE UPDATE EXCLUSIVE: reads and writes go on. Waits for the transactions that
    may still use the index.
    """
    return SQL("DROP INDEX CONCURRENTLY IF EXISTS {index}").format(index=Identifier(index))


def triggers_on_column(table: str, column: str) -> Composed:
    """Rows (trigger, definition, comment or NULL) of the triggers that need the column to be as it
    is: those whose WHEN names it, or that are of its updates only. Takes no lock.
    """
    return SQL(
        "SELECT t.tgname::text, pg_get_triggerdef(t.oid), obj_description(t.oid, 'pg_trigger')"
        " FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid"
        " WHERE t.tgrelid = to_regclass(quote_ident({table})) AND NOT t.tgisinternal"
        " AND a.attname = {column} AND EXISTS (SELECT FROM pg_depend d"
        "  WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid"
        "  AND d.refclassid = 'pg_class'::regclass"
        "  AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum)"
        " ORDER BY t.tgname"
    ).format(table=Literal(table), column=Literal(column))


def drop_trigger(table: str, trigger: str) -> Composed:
    """Locks the table ACCESS EXCLUSIVE."""
    return SQL("DROP TRIGGER {trigger} ON {table}").format(
        trigger=Identifier(trigger), table=Identifier(table)
    )


def comment_on_trigger(table: str, trigger: str, comment: str) -> Composed:
    """Locks the table SHARE UPDATE EXCLUSIVE: reads and writes go on."""
    return SQL("COMMENT ON TRIGGER {trigger} ON {table} IS {comment}").format(
        trigger=Identifier(trigger), table=Identifier(table), comment=Literal(comment)
    )
