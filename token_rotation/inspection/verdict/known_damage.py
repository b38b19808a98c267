"""Warn of indexes that are known to lack entries on such a server.

The read of the heap needs no index, so it finds what they hide.
"""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server import known_damage as known_damage_sql

BROKEN_CONCURRENT_BUILDS = range(14_00_00, 14_00_04)
"""CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY could leave rows out until 14.4."""


def damage_warnings(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield a warning for each index of key or token that may lack entries."""
    version, name = connection.row(known_damage_sql.VERSION) or (0, "")
    columns = [target.key_column, target.token_column]
    values = {"table": target.table, "columns": columns}
    indexes = connection.rows(known_damage_sql.indexes(with_default=version >= 15_00_00), values)
    for index, collation, was, now in indexes:
        if version in BROKEN_CONCURRENT_BUILDS:
            yield Problem(
                "token_rotation.W055",
                f"The index {index} may lack rows: PostgreSQL {name} can leave rows out of an "
                "index that it builds CONCURRENTLY",
                f"an upgrade to 14.4 or later, then in psql: REINDEX INDEX CONCURRENTLY {index}",
            )
        if None not in {was, now} and was != now:
            yield Problem(
                "token_rotation.W056",
                f"The index {index} may miss rows: it was built with version {was} of the "
                f"collation {collation}, and the server has {now}",
                f"REINDEX INDEX CONCURRENTLY {index} in psql, then "
                f"{_refresh(collation)} REFRESH COLLATION VERSION",
            )


def _refresh(collation: str) -> str:
    if collation == known_damage_sql.DEFAULT:
        return "ALTER DATABASE ..."
    return f"ALTER COLLATION {collation}"
