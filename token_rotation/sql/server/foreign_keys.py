"""SQL that finds foreign keys. No lock."""

from __future__ import annotations

from token_rotation.postgres.driver import sql


def left_behind() -> sql.SQL:
    """Foreign keys to ``column`` of ``table`` that do not follow an UPDATE.

    Table and name of each; that of a partitioned table once.
    """
    return sql.SQL(
        "SELECT c.conrelid::regclass::text, c.conname::text FROM pg_constraint c "
        "JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = ANY(c.confkey) "
        "WHERE c.contype = 'f' AND c.confrelid = to_regclass(quote_ident(%(table)s)) "
        "AND c.confupdtype <> 'c' AND c.conparentid = 0 AND a.attname = %(column)s "
        "ORDER BY 1, 2"
    )
