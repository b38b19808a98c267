"""A rotation holds back for a real standby that lags, for busy backends, and for a rate."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import psycopg2.extras
import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.replication import Replicated, replicated_server
from tests.support.waiting import until

ROWS = 20_000


@pytest.fixture(scope="module")
def servers() -> Iterator[Replicated]:
    with replicated_server() as servers:
        yield servers


@pytest.fixture(scope="module")
def databases(servers: Replicated, manage: Manage) -> DatabaseFactory:
    return DatabaseFactory(servers.primary.url(), manage)


@pytest.fixture
def primary_url(databases: DatabaseFactory) -> str:
    """URL of a new, fully migrated, empty database on the primary."""
    return databases.create("latest")


def test_it_waits_while_a_standby_lags_and_goes_on_when_it_has_caught_up(
    servers: Replicated, primary_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(primary_url)
    leak(tickets, ROWS)
    replay = connect(servers.standby.url())
    value(replay, "SELECT pg_wal_replay_pause()::text")
    process = manage.start(
        *("rotate_tokens", "--max-replica-lag", "1", "--batch-rows", "10"),
        *("--pause-seconds", "0.05"),
        database_url=primary_url,
    )
    assert process.stdout is not None
    line = ""
    while not (line.startswith("waiting: replica lag") and " of standby walreceiver" in line):
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


def test_a_standby_that_lags_on_purpose_can_be_left_out_by_name(
    servers: Replicated, primary_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets, standby = connect(primary_url), connect(servers.standby.url())
    delay = "ALTER SYSTEM {} recovery_min_apply_delay{}"
    standby.cursor().execute(delay.format("SET", " = '1 h'"))
    value(standby, "SELECT pg_reload_conf()")
    leak(tickets, 1000)
    lagging = "SELECT coalesce(max(replay_lag), '0') > '1 s' FROM pg_stat_replication"
    until(lambda: bool(value(tickets, lagging)))
    rotate = ("rotate_tokens", "--batch-rows", "50", "--max-replica-lag", "1")
    done = manage(*rotate, "--except-standby", "walreceiver", database_url=primary_url)
    assert done.returncode == 0, done.stderr
    assert "waiting" not in done.stdout
    assert value(tickets, lagging)
    assert_each_token_changed_once(tickets)

    process = manage.start(*rotate, "--issued-before", "now", database_url=primary_url)
    assert process.stdout is not None
    waiting = next(line for line in process.stdout if line.startswith("waiting"))
    assert " of standby walreceiver" in waiting
    process.terminate()
    process.communicate(timeout=60)
    standby.cursor().execute(delay.format("RESET", ""))
    value(standby, "SELECT pg_reload_conf()")


def test_it_waits_while_more_backends_are_active_than_allowed(
    manage: Manage, primary_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(primary_url)
    leak(tickets, ROWS)
    busy = [psycopg2.connect(primary_url, async_=True) for _ in range(2)]
    for connection in busy:
        psycopg2.extras.wait_select(connection)
        connection.cursor().execute("SELECT pg_sleep(300)")
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    until(lambda: value(tickets, sleeping) == 2)
    process = manage.start("rotate_tokens", "--max-active-queries", "1", database_url=primary_url)
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
    primary_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(primary_url)
    leak(tickets, 100)
    tickets.cursor().execute("CREATE ROLE app LOGIN; GRANT SELECT, UPDATE ON tickets_ticket TO app")
    refused = manage(
        "rotate_tokens",
        *("--max-replica-lag", "5"),
        database_url=primary_url.replace("postgres@", "app@"),
    )
    assert refused.returncode == 1
    assert "Grant it pg_monitor" in refused.stderr
    assert pending(tickets) == 100
