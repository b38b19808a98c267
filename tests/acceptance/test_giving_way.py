"""A rotation holds back for a real standby that lags, for busy backends, and for a rate."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
import pytest

from tests.leaked import assert_each_token_changed_once, leak, pending, value
from tests.manage import Manage
from tests.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

ROWS = 20_000


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tickets-standby-"))
    path.chmod(0o755)  # the server may run as another account
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def primary(directory: Path) -> Iterator[PostgresCluster]:
    cluster = PostgresCluster(directory / "primary", settings={"max_wal_senders": "4"})
    cluster.start()
    yield cluster
    cluster.stop("immediate")


@pytest.fixture
def standby(directory: Path, primary: PostgresCluster) -> Iterator[PostgresCluster]:
    """A streaming standby of the primary, made by pg_basebackup."""
    cluster = PostgresCluster(directory / "standby", settings={"hot_standby": "on"})
    primary.run(
        "pg_basebackup",
        f"--pgdata={primary.data_directory}/copy",
        f"--dbname={primary.url()}",
        "--checkpoint=fast",
        "--write-recovery-conf",
    )
    cluster.directory.mkdir()
    cluster.directory.chmod(0o755)
    (primary.data_directory / "copy").rename(cluster.data_directory)
    cluster.start()
    yield cluster
    cluster.stop("immediate")


def test_it_waits_while_a_standby_lags_and_goes_on_when_it_has_caught_up(
    primary: PostgresCluster,
    standby: PostgresCluster,
    manage: Manage,
    connect: Callable[[str], Any],
) -> None:
    manage("migrate", database_url=primary.url())
    tickets = connect(primary.url())
    leak(tickets, ROWS)
    replay = connect(standby.url())
    streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    until(lambda: value(tickets, streaming) == 1)
    value(replay, "SELECT pg_wal_replay_pause()::text")
    process = manage.start(
        *("rotate_tokens", "--max-replica-lag", "1", "--batch-rows", "10"),
        *("--pause-seconds", "0.05"),
        database_url=primary.url(),
    )
    assert process.stdout is not None
    line = ""
    while not line.startswith("waiting: replica lag"):
        line = process.stdout.readline()
        assert line, "it ended without having waited"
    left = pending(tickets)
    assert left > 0
    process.stdout.readline()  # five seconds on, it waits still
    assert pending(tickets) == left
    value(replay, "SELECT pg_wal_replay_resume()::text")
    until(lambda: pending(tickets) < left)
    process.terminate()
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "for replica lag" in stdout


def test_it_waits_while_more_backends_are_active_than_allowed(
    manage: Manage, primary: PostgresCluster, connect: Callable[[str], Any]
) -> None:
    manage("migrate", database_url=primary.url())
    tickets = connect(primary.url())
    leak(tickets, ROWS)
    busy = [psycopg2.connect(primary.url(), async_=True) for _ in range(2)]
    for connection in busy:
        psycopg2.extras.wait_select(connection)
        connection.cursor().execute("SELECT pg_sleep(300)")
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    until(lambda: value(tickets, sleeping) == 2)
    process = manage.start("rotate_tokens", "--max-active-queries", "1", database_url=primary.url())
    assert process.stdout is not None
    assert process.stdout.readline().startswith("waiting: 2 active queries")
    assert pending(tickets) == ROWS
    for connection in busy:
        connection.cancel()
    assert process.wait(timeout=60) == 0
    assert_each_token_changed_once(tickets)


def test_the_rate_stays_below_the_one_asked_for(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 3000)
    done = manage(
        *("rotate_tokens", "--max-rows-per-second", "1000", "--progress", "json"),
        database_url=database_url,
    )
    end = json.loads(done.stdout.splitlines()[-1])
    assert end["rotated_rows"] == 3000
    assert end["seconds"] >= 2.0  # the last second's worth needs no wait after it
    assert end["waited_seconds"]["pace"] > 0


def test_a_role_that_may_not_see_the_lag_is_told_so_before_anything_is_written(
    primary: PostgresCluster,
    standby: PostgresCluster,
    manage: Manage,
    connect: Callable[[str], Any],
) -> None:
    manage("migrate", database_url=primary.url())
    tickets = connect(primary.url())
    leak(tickets, 100)
    tickets.cursor().execute("CREATE ROLE app LOGIN; GRANT SELECT, UPDATE ON tickets_ticket TO app")
    refused = manage(
        "rotate_tokens",
        *("--max-replica-lag", "5"),
        database_url=primary.url().replace("postgres@", "app@"),
    )
    assert refused.returncode == 1
    assert "Grant it pg_monitor" in refused.stderr
    assert pending(tickets) == 100
