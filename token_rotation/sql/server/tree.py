"""SQL about a table with its children and partitions.

What fires or rewrites on each. Every statement takes ACCESS SHARE for a moment at most, where
PostgreSQL writes a condition as text.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.marked_table import MarkedTable

TREE = sql.SQL(
    "WITH RECURSIVE tree (oid) AS (SELECT to_regclass(quote_ident(%(table)s))::oid UNION "
    "SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)"
)
"""Begins a statement: ``table`` and what inherits from it, at any depth."""


def relations() -> sql.Composed:
    """The table and what inherits from it, at any depth.

    One row each, the table first: oid, name as SQL writes it, relkind, and True for a partition.
    """
    return sql.SQL(
        "{tree} SELECT c.oid::bigint, c.oid::regclass::text, c.relkind::text, c.relispartition "
        "FROM tree JOIN pg_class c ON c.oid = tree.oid "
        "ORDER BY c.oid <> to_regclass(quote_ident(%(table)s)), c.oid::regclass::text"
    ).format(tree=TREE)


def triggers(*, with_conditions: bool) -> sql.Composed:
    """The triggers of ``relations`` that people made.

    Oids of relation, trigger and function; name; pg_trigger.tgenabled (O fires for ordinary
    sessions, A always, R only for replication, D never) and tgtype; True if it is a copy of the
    parent's; True if it fires for some columns only; arguments; comment; and, ``with_conditions``,
    the statement that creates it where it has a condition of its own. That alone waits for locks.
    """
    statement = "pg_get_triggerdef(t.oid)" if with_conditions else "NULL"
    return sql.SQL(
        "SELECT t.tgrelid::bigint, t.oid::bigint, t.tgfoid::bigint, t.tgname::text, "
        "t.tgenabled::text, t.tgtype::int, t.tgparentid <> 0, t.tgattr::text <> '', "
        "encode(t.tgargs, 'escape'), obj_description(t.oid, 'pg_trigger'), "
        "CASE WHEN t.tgqual IS NOT NULL AND t.tgparentid = 0 THEN {statement} END "
        "FROM pg_trigger t WHERE t.tgrelid = ANY(%(relations)s::oid[]) "
        "AND (NOT t.tgisinternal OR t.tgparentid <> 0)"
    ).format(statement=sql.SQL(statement))


def functions() -> sql.SQL:
    """Oid, name, body, language, SECURITY and settings of ``functions``."""
    return sql.SQL(
        "SELECT p.oid::bigint, p.proname::text, p.prosrc, l.lanname::text, p.prosecdef, "
        "coalesce(p.proconfig, '{}') FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang "
        "WHERE p.oid = ANY(%(functions)s::oid[])"
    )


def functions_named() -> sql.SQL:
    """Name and oid of the functions of ``names`` that statements may call and that may write.

    Not PostgreSQL's own, nor those of extensions. PostgreSQL lets no stable function write.
    """
    return sql.SQL(
        "SELECT p.proname::text, p.oid::bigint FROM pg_proc p "
        "WHERE p.proname = ANY(%(names)s::name[]) AND p.provolatile = 'v' "
        "AND p.prorettype <> 'trigger'::regtype AND p.oid >= 16384 "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass "
        "AND d.objid = p.oid AND d.deptype = 'e')"
    )


def writable_names() -> sql.SQL:
    """Names by which a statement may write rows of ``relations``.

    Those tables, their parents, and what has rules or a view over them. Schema, name, and True
    for one of the tables. No lock.
    """
    return sql.SQL(
        "WITH RECURSIVE reached (relation) AS (SELECT unnest(%(relations)s::oid[]) "
        "UNION SELECT step.relation FROM reached CROSS JOIN LATERAL ("
        "SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = reached.relation "
        "UNION ALL SELECT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
        "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass "
        "AND d.refobjid = reached.relation) AS step (relation)) "
        "SELECT n.nspname::text, c.relname::text, c.oid = ANY(%(relations)s::oid[]) "
        "FROM reached JOIN pg_class c ON c.oid = reached.relation "
        "JOIN pg_namespace n ON n.oid = c.relnamespace"
    )


def function_named() -> sql.SQL:
    """The oid of the function with that ``signature``; NULL for none."""
    return sql.SQL("SELECT to_regprocedure(%(signature)s)::oid::bigint")


def rules() -> sql.SQL:
    """The rules on INSERT and UPDATE of ``relations``.

    Relation's name, rule's name, and True if it acts in place of the statement.
    """
    return sql.SQL(
        "SELECT r.ev_class::regclass::text, r.rulename::text, r.is_instead FROM pg_rewrite r "
        "WHERE r.ev_class = ANY(%(relations)s::oid[]) AND r.ev_type IN ('2', '3') "
        "AND r.ev_enabled IN ('O', 'A') ORDER BY 1, 2"
    )


def planned_conditions(target: MarkedTable, *conditions: str) -> sql.Composed:
    """Write trigger conditions as the planner understands them.

    Two conditions that mean the same come out as the same text, however they were written. It runs
    nothing, and reads no row.
    """
    row = sql.SQL("(SELECT (NULL::{}).* OFFSET 0)").format(sql.Identifier(target.table))
    listed = (sql.SQL("({})").format(sql.SQL(each.replace("%", "%%"))) for each in conditions)
    return sql.SQL(
        "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {conditions} FROM {row} AS old, "
        "{row} AS new"
    ).format(conditions=sql.SQL(", ").join(listed), row=row)
