"""The statements around DDL, which Django and django-pgtrigger write themselves.

Each builder names its lock: none, ACCESS SHARE, or that of the DDL statement.
"""

from token_rotation.postgres.driver import SQL, Composed, Identifier, Literal
from token_rotation.selection.target import Absent
from token_rotation.sql.pending import without_marker
from token_rotation.sql.server.tree import TREE


def index_state(index: str) -> Composed:
    """Return at most one row about an index.

    Its table, if it is valid, its definition, and the pid of the backend that builds it, or NULL.
    No lock.
    """
    return SQL(
        "SELECT t.relname, i.indisvalid AND i.indisready AND i.indislive,"
        " pg_get_indexdef(i.indexrelid),"
        " (SELECT p.pid FROM pg_stat_progress_create_index p"
        "  WHERE p.index_relid = i.indexrelid AND p.datname = current_database() LIMIT 1)"
        " FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
        " WHERE i.indexrelid = to_regclass(quote_ident({index}))"
    ).format(index=Literal(index))


def servable(table: str) -> Composed:
    """What decides if a guard can serve the table, as one row; none if there is no such table.

    Name with schema, pg_class.relkind, role, if that role is the owner's; the schema that new
    functions go to, and if the role may create there; a foreign table among the children, and a
    rule that replaces an INSERT or UPDATE of one of them, or NULL. No lock.
    """
    return SQL(
        "WITH RECURSIVE tree (oid) AS (SELECT to_regclass(quote_ident({table}))::oid UNION "
        "SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid) "
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text, "
        "current_user::text, pg_has_role(c.relowner, 'USAGE'), current_schema()::text, "
        "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), "
        "(SELECT min(each.oid::regclass::text) FROM tree JOIN pg_class each USING (oid) "
        "WHERE each.relkind = 'f'), "
        "(SELECT min(quote_ident(rulename) || ' on ' || ev_class::regclass::text) "
        "FROM pg_rewrite JOIN tree ON ev_class = tree.oid WHERE is_instead "
        "AND ev_type IN ('2', '3') AND ev_enabled IN ('O', 'A')) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(quote_ident({table}))"
    ).format(table=Literal(table))


def partitions(table: str) -> Composed:
    """A partitioned table and its partitions, parents first; no row for any other table.

    Name as SQL writes it, if it has the rows, and the parent's name; NULL for the table itself.
    No lock.
    """
    return SQL(
        "SELECT relid::regclass::text, isleaf, parentrelid::regclass::text "
        "FROM pg_partition_tree(to_regclass(quote_ident({table}))) "
        "WHERE EXISTS (SELECT FROM pg_class WHERE relkind = 'p' "
        "AND oid = to_regclass(quote_ident({table}))) ORDER BY level, 1"
    ).format(table=Literal(table))


def index_on(table: str, index: str) -> Composed:
    """The index of that name on ``table``, which is written as in SQL; no row without one.

    Its name as SQL writes it, if it is valid, and if it is part of a parent's. No lock.
    """
    return SQL(
        "SELECT indexrelid::regclass::text, indisvalid AND indisready, relispartition "
        "FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE indrelid = to_regclass({table}) AND relname = {index}"
    ).format(table=Literal(table), index=Literal(index))


def attach_index(parent: str, index: str) -> Composed:
    """Let an index be a part of the parent's; both as SQL writes them.

    ACCESS EXCLUSIVE on ``index``, for a moment.
    """
    return SQL("ALTER INDEX {parent} ATTACH PARTITION {index}").format(
        parent=SQL(parent), index=SQL(index)
    )


def drop_partitioned_index(index: str) -> Composed:
    """Drop the index of a partitioned table, and its parts.

    ACCESS EXCLUSIVE on the table and its partitions.
    """
    return SQL("DROP INDEX IF EXISTS {index}").format(index=Identifier(index))


def drop_index_on_partition(index: str) -> Composed:
    """As ``drop_index_concurrently``, of a name as SQL writes it."""
    return SQL("DROP INDEX CONCURRENTLY IF EXISTS {index}").format(index=SQL(index))


def has_rows(table: str) -> Composed:
    """Test for any row in the table.

    ACCESS SHARE.
    """
    return SQL("SELECT EXISTS (SELECT FROM {table})").format(table=Identifier(table))


def create_shadow_table(table: str) -> Composed:
    """Create an empty temporary table that hides the real one.

    It has the same name and columns.

    Use it only in a transaction that is rolled back. ACCESS SHARE on the real table.
    """
    return SQL("CREATE TEMPORARY TABLE {table} (LIKE {table})").format(table=Identifier(table))


def drop_index_concurrently(index: str) -> Composed:
    """Drop an index, valid or not.

    Cannot run in a transaction.

    SHARE UPDATE EXCLUSIVE: reads and writes go on. Waits for the transactions that may still use
    the index.
    """
    return SQL("DROP INDEX CONCURRENTLY IF EXISTS {index}").format(index=Identifier(index))


def rebuilt(index: str) -> Composed:
    """Names of invalid indexes that a killed REINDEX CONCURRENTLY of ``index`` left behind.

    No lock.
    """
    return SQL(
        "SELECT relname::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE NOT indisvalid AND starts_with(relname, {index}) "
        "AND substr(relname, length({index}) + 1) ~ '^_cc(new|old)[0-9]*$' "
        "AND relnamespace::regnamespace::text = current_schema()"
    ).format(index=Literal(index))


def triggers_on_column(table: str, column: str) -> Composed:
    """The triggers that depend on a column.

    Name, definition, comment or NULL.

    Their WHEN names the column, or they fire for updates of this column alone. No lock.
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
    """Drop a trigger.

    ACCESS EXCLUSIVE.
    """
    return SQL("DROP TRIGGER {trigger} ON {table}").format(
        trigger=Identifier(trigger), table=Identifier(table)
    )


def comment_on_trigger(table: str, trigger: str, comment: str) -> Composed:
    """Comment on a trigger.

    SHARE UPDATE EXCLUSIVE: reads and writes go on.
    """
    return SQL("COMMENT ON TRIGGER {trigger} ON {table} IS {comment}").format(
        trigger=Identifier(trigger), table=Identifier(table), comment=Literal(comment)
    )


def count_pending(
    table: str, marker: str, token: str | None, absent: Absent, at_most: int
) -> Composed:
    """Count the rows with a token and without a marker, up to ``at_most``.

    ``token`` is its column; None where nobody knows it. ACCESS SHARE.
    """
    return SQL(
        "SELECT count(*) FROM (SELECT FROM {table} WHERE {pending} LIMIT {at_most}) AS pending"
    ).format(
        table=Identifier(table),
        pending=_pending(marker, token, absent),
        at_most=Literal(at_most),
    )


def lock_as_a_reader(table: str) -> Composed:
    """Lock the table and its children as any SELECT does: ACCESS SHARE."""
    return SQL("LOCK TABLE {table} IN ACCESS SHARE MODE").format(table=Identifier(table))


def was_rewritten() -> Composed:
    """Tell if ``table`` or a child has other files than in this transaction's snapshot.

    The function knows the files of now. False where each statement has a snapshot of its own, and
    for what this transaction itself rewrote. No lock.
    """
    return SQL(
        "{tree} SELECT coalesce(bool_or(c.relfilenode <> pg_relation_filenode(c.oid)), false) "
        "FROM tree JOIN pg_class c ON c.oid = tree.oid"
    ).format(tree=TREE)


def count_pending_in_heap(table: str, marker: str, token: str | None, absent: Absent) -> Composed:
    """Count the same rows in the table itself, whatever its indexes hold.

    ACCESS SHARE. No WHERE names a column, so no index can answer.
    """
    return SQL(
        "SELECT count(*) FILTER (WHERE {pending}) FROM {table} WHERE ctid >= '(0,0)'"
    ).format(table=Identifier(table), pending=_pending(marker, token, absent))


def predicate_of_pending(table: str, marker: str) -> Composed:
    """The condition of a valid index of the rows without a marker; no row without such an index.

    The narrowest one: it leaves out rows without a token. No lock.
    """
    return SQL(
        "SELECT pg_get_expr(indpred, indrelid) FROM pg_index "
        "WHERE indrelid = to_regclass(quote_ident({table})) AND indisvalid "
        "AND strpos(pg_get_expr(indpred, indrelid), quote_ident({marker}) || ' IS NULL') > 0 "
        "ORDER BY length(pg_get_expr(indpred, indrelid)) DESC LIMIT 1"
    ).format(table=Literal(table), marker=Literal(marker))


def any_row(table: str, condition: str) -> Composed:
    """Test for a row; ``condition`` is as PostgreSQL itself writes it.

    ACCESS SHARE.
    """
    return SQL("SELECT EXISTS (SELECT FROM {table} WHERE {condition})").format(
        table=Identifier(table), condition=SQL(condition)
    )


USE_AN_INDEX = SQL("SET LOCAL enable_seqscan = off")
USE_ANY_PLAN = SQL("SET LOCAL enable_seqscan TO DEFAULT")


def trigger_function(table: str, trigger: str) -> Composed:
    """The function of a trigger, as SQL writes it; no row without that trigger.

    No lock.
    """
    return SQL(
        "SELECT tgfoid::regprocedure::text FROM pg_trigger "
        "WHERE tgrelid = to_regclass(quote_ident({table})) AND tgname = {trigger}"
    ).format(table=Literal(table), trigger=Literal(trigger))


def has_trigger(function: str) -> Composed:
    """Test for a trigger that calls a function; its name is as SQL writes it.

    No lock.
    """
    return SQL(
        "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = to_regprocedure({function}))"
    ).format(function=Literal(function))


def drop_function(function: str) -> Composed:
    """Drop a function; its name and arguments are as SQL writes them.

    ACCESS EXCLUSIVE on the function, which nothing calls.
    """
    return SQL("DROP FUNCTION IF EXISTS {function}").format(function=SQL(function))


def _pending(marker: str, token: str | None, absent: Absent) -> Composed:
    column = None if token is None else Identifier(token)
    return without_marker(Identifier(marker), column, absent)


WITHOUT_A_TIMEOUT = SQL("SELECT set_config('statement_timeout', '0', true)")
"""For a read of a large table."""

SEE_EVERY_ROW = SQL("SELECT set_config('row_security', 'off', true)")
"""Let PostgreSQL refuse where a policy would hide rows."""
