"""SQL that tells which tokens a column takes for equal, and when its index compares them.

No lock.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql


def loose_equality() -> sql.SQL:
    """What makes values of ``column`` equal whose texts differ; no row if nothing does.

    A nondeterministic collation, quoted with its schema and True; or a type of text from outside
    PostgreSQL, such as citext, and False; or bytea, whose text depends on the writer's
    bytea_output, and False. A domain counts as its base type.
    """
    return sql.SQL(
        "WITH RECURSIVE types (oid, base, collated) AS ("
        "SELECT t.oid, t.typbasetype, a.attcollation FROM pg_attribute a "
        "JOIN pg_type t ON t.oid = a.atttypid "
        "WHERE a.attrelid = to_regclass(quote_ident(%(table)s)) AND a.attname = %(column)s "
        "UNION ALL SELECT t.oid, t.typbasetype, types.collated FROM types "
        "JOIN pg_type t ON t.oid = types.base) "
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname), true FROM types "
        "JOIN pg_collation c ON c.oid = types.collated "
        "JOIN pg_namespace n ON n.oid = c.collnamespace "
        "WHERE types.base = 0 AND NOT c.collisdeterministic "
        "UNION ALL SELECT t.oid::regtype::text, false FROM types "
        "JOIN pg_type t ON t.oid = types.oid "
        "WHERE types.base = 0 "
        "AND (t.typcategory = 'S' AND t.oid >= 16384 OR t.oid = 'bytea'::regtype)"
    )


def unique_indexes() -> sql.SQL:
    """The valid unique indexes of ``column`` alone: name, and True if it checks each row at once.

    That of a constraint that can be deferred does not.
    """
    return sql.SQL(
        "SELECT c.relname::text, x.indimmediate FROM pg_index x "
        "JOIN pg_class c ON c.oid = x.indexrelid "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] "
        "WHERE x.indrelid = to_regclass(quote_ident(%(table)s)) AND a.attname = %(column)s "
        "AND x.indisunique AND x.indisvalid AND x.indnkeyatts = 1 AND x.indpred IS NULL "
        "ORDER BY 2 DESC, 1"
    )
