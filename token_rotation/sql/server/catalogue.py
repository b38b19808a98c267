"""SQL about catalogues, rights and made tokens.

The catalogues tell what a table is, and what this role may do. A trial tests made tokens.

No statement takes a lock on the table, but ACCESS SHARE for a moment where PostgreSQL writes an
index's predicate as text.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql

PROBED_TOKENS = 3


def column_type() -> sql.SQL:
    """Find the type of ``column`` in SQL, without its length.

    A cast to varchar(8) would cut a value that is too long; an assignment refuses it.
    """
    return sql.SQL(
        "SELECT format_type(atttypid, -1) FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%(table)s)) AND attname = %(column)s"
    )


def column_exists() -> sql.SQL:
    """Test that the table and each of ``columns`` exist."""
    return sql.SQL(
        "SELECT to_regclass(quote_ident(%(table)s)) IS NOT NULL, "
        "ARRAY(SELECT attname::text FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%(table)s)) "
        "AND attname = ANY(%(columns)s::name[]) AND NOT attisdropped)"
    )


def is_partitioned() -> sql.SQL:
    """Test that ``table`` has partitions: an UPDATE may move its rows."""
    return sql.SQL(
        "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(quote_ident(%(table)s))"
    )


def index_states() -> sql.SQL:
    """Indexes of the table: name, unique, predicate, valid, columns, expressions."""
    return sql.SQL(
        "SELECT c.relname::text, x.indisunique, pg_get_expr(x.indpred, x.indrelid), "
        "x.indisvalid AND x.indisready, "
        "ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, place) "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum ORDER BY place), "
        "pg_get_expr(x.indexprs, x.indrelid) "
        "FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid "
        "WHERE x.indrelid = to_regclass(quote_ident(%(table)s))"
    )


def replication_role() -> sql.SQL:
    """Read this session's replication role, and others' settings.

    Also names the roles and databases whose setting is replica.
    """
    return sql.SQL(
        "SELECT current_setting('session_replication_role'), "
        "ARRAY(SELECT coalesce('role ' || r.rolname, 'every role') "
        "|| coalesce(' in database ' || d.datname, '') "
        "FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole "
        "LEFT JOIN pg_database d ON d.oid = s.setdatabase "
        "WHERE 'session_replication_role=replica' = ANY(s.setconfig) "
        "AND (s.setdatabase = 0 OR d.datname = current_database()))"
    )


def ignored_triggers() -> sql.SQL:
    """Find who passes one of ``triggers`` by the setting pgtrigger.ignore.

    One row each: roles and databases for which it is set, and this session.
    """
    return sql.SQL(
        "SELECT coalesce('role ' || r.rolname, 'every role') "
        "|| coalesce(' in database ' || d.datname, '') "
        "FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole "
        "LEFT JOIN pg_database d ON d.oid = s.setdatabase "
        "CROSS JOIN LATERAL unnest(s.setconfig) AS setting "
        "WHERE starts_with(setting, 'pgtrigger.ignore=') "
        "AND EXISTS (SELECT FROM unnest(%(triggers)s::text[]) AS name "
        "WHERE strpos(setting, name) > 0) "
        "AND (s.setdatabase = 0 OR d.datname = current_database()) "
        "UNION ALL SELECT 'this session' "
        "WHERE EXISTS (SELECT FROM unnest(%(triggers)s::text[]) AS name "
        "WHERE strpos(current_setting('pgtrigger.ignore', true), name) > 0)"
    )


def may_be_absent() -> sql.SQL:
    """Test if ``column`` takes NULL, and if it is of text."""
    return sql.SQL(
        "SELECT NOT a.attnotnull, t.typcategory = 'S' FROM pg_attribute a "
        "JOIN pg_type t ON t.oid = a.atttypid "
        "WHERE a.attrelid = to_regclass(quote_ident(%(table)s)) AND a.attname = %(column)s"
    )


def any_null(table: str, column: str) -> sql.Composed:
    """Test for NULL. ACCESS SHARE; an index of the column answers."""
    return sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NULL)").format(
        sql.Identifier(table), sql.Identifier(column)
    )


def any_empty(table: str, column: str) -> sql.Composed:
    """Test for an empty text. ACCESS SHARE; an index of the column answers."""
    return sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} = '')").format(
        sql.Identifier(table), sql.Identifier(column)
    )


def may_read() -> sql.SQL:
    """Test this role's right to read the whole row.

    Its place is included.
    """
    return sql.SQL("SELECT has_table_privilege(to_regclass(quote_ident(%(table)s)), 'SELECT')")


def probe_tokens(expression: str) -> sql.Composed:
    """Count and measure three made tokens.

    One row: their number, the number of different ones, and the length of the longest. Then the
    length that the column has room for; NULL if it has no bound. Takes ``table`` and ``column``. No
    token leaves the server.
    """
    return sql.SQL(
        "SELECT count(token), count(DISTINCT token), max(length(token)), "
        "(SELECT atttypmod - 4 FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%(table)s)) AND attname = %(column)s "
        "AND atttypmod > 4 AND atttypid IN ('varchar'::regtype, 'bpchar'::regtype)) "
        "FROM (SELECT ({expression})::text AS token FROM generate_series(1, {rows})) AS made"
    ).format(expression=sql.SQL(expression.replace("%", "%%")), rows=sql.Literal(PROBED_TOKENS))
