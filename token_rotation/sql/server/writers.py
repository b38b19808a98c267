"""SQL that finds transactions which have written to a table and are open.

No lock.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.sql.server.tree import TREE


def open_writers() -> sql.Composed:
    """Others' open transactions that have written to ``table`` or to a relation below it.

    Virtual transaction; pid, NULL for a prepared transaction; the name of that; state and age in
    seconds, NULL where this role may not see them. Whoever writes rows holds ROW EXCLUSIVE until
    the end of the transaction, whatever else it holds. The query text is left out on purpose: it
    may hold a token.
    """
    return sql.SQL(
        "{tree}, locks AS MATERIALIZED (SELECT * FROM pg_locks WHERE granted), "
        "writers AS (SELECT DISTINCT virtualtransaction, pid FROM locks "
        "WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND relation IN (SELECT oid FROM tree) "
        "AND pid IS DISTINCT FROM pg_backend_pid()) "
        "SELECT w.virtualtransaction, w.pid, p.gid, a.state, "
        "extract(epoch FROM clock_timestamp() - a.xact_start)::float8 "
        "FROM writers w LEFT JOIN pg_stat_activity a ON a.pid = w.pid "
        "LEFT JOIN locks x ON w.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' "
        "AND x.virtualtransaction = w.virtualtransaction "
        "LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid "
        "ORDER BY a.xact_start NULLS FIRST, w.pid"
    ).format(tree=TREE)
