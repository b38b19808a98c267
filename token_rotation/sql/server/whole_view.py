"""SQL that tells if this role sees the whole table, and the right one.

No lock.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql


def rights() -> sql.SQL:
    """Name of ``table`` with its schema, role, hidden rows, policies, right to read.

    No row if there is no such table. PostgreSQL checks the parent's policies and rights only, when
    a statement names the parent.
    """
    return sql.SQL(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), current_user::text, "
        "row_security_active(c.oid), ARRAY(SELECT p.polname::text FROM pg_policy p "
        "WHERE p.polrelid = c.oid ORDER BY p.polname), has_table_privilege(c.oid, 'SELECT') "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(quote_ident(%(table)s))"
    )


def qualified_name() -> sql.SQL:
    """Name with schema of what ``table`` names, or NULL."""
    return sql.SQL(
        "SELECT (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(quote_ident(%(table)s)))"
    )


def kind() -> sql.SQL:
    """Name with schema, and pg_class.relkind, of what ``table`` names; no row for nothing."""
    return sql.SQL(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(quote_ident(%(table)s))"
    )


def rights_to_keep() -> sql.SQL:
    """Name with schema of ``table``, and this role, unless it may read and insert there."""
    return sql.SQL(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), current_user::text "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(quote_ident(%(table)s)) "
        "AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT'))"
    )


def row_security_of() -> sql.SQL:
    """Name with schema of ``table``, if row security is enabled on it; no row otherwise."""
    return sql.SQL(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(quote_ident(%(table)s)) AND c.relrowsecurity"
    )


def other_meanings() -> sql.SQL:
    """Who finds another table of that name than this session does, and which.

    Sessions of other roles and databases have the search_path of their settings; a role may have a
    schema of its own name, unless this one has: then each role is meant to have its own table. Also
    a table that this session's own search_path hides.
    """
    return sql.SQL(
        "WITH named AS (SELECT c.oid, n.nspname::text AS schema FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = %(table)s "
        "AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname !~ '^pg_'), "
        "paths (who, role, path) AS ("
        "SELECT coalesce('the role ' || r.rolname, 'every role') "
        "|| coalesce(' in the database ' || d.datname, ''), coalesce(r.rolname::text, ''), "
        "substr(setting, length('search_path=') + 1) "
        "FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS setting "
        "LEFT JOIN pg_roles r ON r.oid = s.setrole "
        "LEFT JOIN pg_database d ON d.oid = s.setdatabase "
        "WHERE starts_with(setting, 'search_path=') "
        "AND (s.setdatabase = 0 OR d.datname = current_database()) "
        "UNION ALL SELECT 'the role ' || r.rolname, r.rolname::text, '\"$user\"' "
        "FROM pg_roles r WHERE r.rolcanlogin AND NOT EXISTS (SELECT FROM named "
        "WHERE oid = to_regclass(quote_ident(%(table)s)) AND schema = current_user) "
        "UNION ALL SELECT 'a session that has ' || quote_ident(schema) || ' first', "
        "'', quote_ident(schema) FROM named "
        "WHERE schema = ANY (current_schemas(false)::text[]) "
        "AND oid <> to_regclass(quote_ident(%(table)s))), "
        "found AS (SELECT DISTINCT ON (who) who, named.oid, named.schema FROM paths "
        "CROSS JOIN regexp_split_to_table(path, ' *, *') WITH ORDINALITY AS part (name, place) "
        "JOIN named ON named.schema = CASE WHEN part.name IN ('\"$user\"', '$user') "
        "THEN role ELSE btrim(part.name, ' \"') END ORDER BY who, place) "
        "SELECT who, quote_ident(schema) || '.' || quote_ident(%(table)s) FROM found "
        "WHERE oid <> to_regclass(quote_ident(%(table)s)) ORDER BY who"
    )
