"""A server that has been in service: its WAL goes into segments that are there.

PostgreSQL writes and syncs each new segment, 16 MB, while all commits wait. A checkpoint makes
segments for later of those that it needs no longer, up to min_wal_size and what was written lately.
A new server has none of them.
"""

from benchmark.processes.connection import connected
from tickets.config.embedded.cluster import PostgresCluster

MEGABYTES = 1_024
IN_SERVICE = {"min_wal_size": f"{MEGABYTES}MB"}
_MESSAGE_BYTES = 1_048_576


def recycle_wal(cluster: PostgresCluster, megabytes: int = MEGABYTES) -> None:
    """Write so much WAL that changes nothing, and let a checkpoint recycle its segments."""
    message = "SELECT count(pg_logical_emit_message(false, '', repeat('x', %s)))"
    with connected(cluster.url()) as connection, connection.cursor() as cursor:
        cursor.execute(f"{message} FROM generate_series(1, %s)", (_MESSAGE_BYTES, megabytes))
        cursor.execute("CHECKPOINT")
