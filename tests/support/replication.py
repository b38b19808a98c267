"""A primary with a streaming standby, both real."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.support import driver
from tests.support.databases import make_server_directory
from tests.support.leaked import value
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


class Replicated(NamedTuple):
    primary: PostgresCluster
    standby: PostgresCluster


@contextmanager
def replicated_server() -> Iterator[Replicated]:
    """Both run and the standby streams; they are gone after the block."""
    directory = make_server_directory()
    primary = PostgresCluster(directory / "primary", settings={"max_wal_senders": "4"})
    standby = PostgresCluster(directory / "standby", settings={"hot_standby": "on"})
    try:
        primary.start()
        _copy(primary, standby)
        standby.start()
        connection = _connected(primary)
        until(lambda: value(connection, STREAMING) == 1)
        connection.close()
        yield Replicated(primary, standby)
    finally:
        standby.stop("immediate")
        primary.stop("immediate")
        shutil.rmtree(directory, ignore_errors=True)


def _copy(primary: PostgresCluster, standby: PostgresCluster) -> None:
    primary.run(
        "pg_basebackup",
        f"--pgdata={primary.data_directory}/copy",
        f"--dbname={primary.url()}",
        "--checkpoint=fast",
        "--write-recovery-conf",
    )
    standby.directory.mkdir()
    standby.directory.chmod(0o755)
    (primary.data_directory / "copy").rename(standby.data_directory)


def _connected(cluster: PostgresCluster) -> Any:
    connection = driver.connect(cluster.url())
    connection.autocommit = True
    return connection
