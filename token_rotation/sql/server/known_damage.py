"""SQL about indexes that may lack entries.

No lock.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.sql.server.tree import TREE

DEFAULT = "of the database"

VERSION = sql.SQL(
    "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
)


def indexes(*, with_default: bool) -> sql.Composed:
    """Indexes on ``columns`` of ``table`` and its children, with their collation's versions.

    Name, collation, the version with which it was last refreshed, the server's version. The
    last three are NULL for columns without a collation. ``with_default``: the server knows the
    version of the database's own collation, as PostgreSQL 15 does.
    """
    default = (
        "SELECT datcollversion, pg_database_collation_actual_version(oid) "
        "FROM pg_database WHERE datname = current_database()"
        if with_default
        else "SELECT NULL::text, NULL::text"
    )
    return sql.SQL(
        "{tree}, base (was, now) AS ({default}) "
        "SELECT DISTINCT ON (index) x.indexrelid::regclass::text AS index, "
        "CASE WHEN l.oid = 100 THEN {name} ELSE l.oid::regcollation::text END, "
        "CASE WHEN l.oid = 100 THEN base.was ELSE l.collversion END, "
        "CASE WHEN l.oid = 100 THEN base.now ELSE pg_collation_actual_version(l.oid) END "
        "FROM base CROSS JOIN tree JOIN pg_index x ON x.indrelid = tree.oid "
        "CROSS JOIN unnest(x.indkey, x.indcollation) AS part (attnum, sorted_by) "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = part.attnum "
        "LEFT JOIN pg_collation l ON l.oid = part.sorted_by "
        "WHERE a.attname = ANY (%(columns)s::name[]) ORDER BY index, l.oid NULLS LAST"
    ).format(tree=TREE, default=sql.SQL(default), name=sql.Literal(DEFAULT))
