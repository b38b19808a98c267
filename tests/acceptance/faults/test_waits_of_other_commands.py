"""What seed_tickets and Django's commands wait for is told, and signals end the wait."""

import math
import re
import signal
from collections.abc import Callable, Iterator
from subprocess import Popen
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import value
from tests.support.manage import Manage
from tests.support.silent import own_cluster, read_until, server_stands_still, set_standby
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster
from token_rotation.postgres import OPERATORS_WORK, TO_RECORD

pytestmark = pytest.mark.server_versions

COMMIT_WAITS = "waiting: COMMIT waits for a synchronous standby"
SECONDS_AFTER_THE_LAST_SIGNAL = 30.0
"""Five are promised, to a machine that does nothing else."""

STUCK = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER stuck BEFORE INSERT OR DELETE ON {} FOR EACH STATEMENT EXECUTE FUNCTION be_stuck();
"""
ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event = 'PgSleep'"
)
TICKETS = "SELECT count(*) FROM tickets_ticket"


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    """A server of these tests' own, which they may stop."""
    yield from own_cluster(request)


@pytest.fixture(scope="module")
def databases(cluster: PostgresCluster, manage: Manage) -> DatabaseFactory:
    return DatabaseFactory(cluster.url(), manage)


@pytest.fixture
def url(databases: DatabaseFactory) -> str:
    return databases.create("latest")


@pytest.fixture
def onlooker(url: str, connect: Callable[[str], Any]) -> Iterator[Any]:
    """A connection that waits for no standby."""
    connection = connect(url)
    yield connection
    set_standby(connection, "")


def ended(process: "Popen[str]") -> str:
    """What it said after the last signal. It ends in time, or the test fails."""
    stdout, stderr = process.communicate(timeout=SECONDS_AFTER_THE_LAST_SIGNAL)
    assert "Traceback" not in stderr, stderr
    return stdout + stderr


def test_migrate_names_a_standby_that_is_gone_and_ctrl_c_ends_it(
    manage: Manage, databases: DatabaseFactory, connect: Callable[[str], Any], onlooker: Any
) -> None:
    url = databases.create("zero")
    set_standby(onlooker, "ghost")
    migrate = manage.start("migrate", database_url=url)
    read_until(migrate.stderr, COMMIT_WAITS)
    migrate.send_signal(signal.SIGINT)
    words = f"interrupted. A migration may be applied and not recorded: {TO_RECORD}\n"
    assert ended(migrate).endswith(f"manage.py: {words}")
    assert migrate.returncode == 130
    set_standby(onlooker, "")
    done = manage("migrate", database_url=url)
    assert done.returncode == 0, done.stderr
    assert value(connect(url), TICKETS) == 0


def test_migrate_waits_for_a_standby_until_somebody_ends_that(
    manage: Manage, databases: DatabaseFactory, connect: Callable[[str], Any], onlooker: Any
) -> None:
    url = databases.create("zero")
    set_standby(onlooker, "ghost")
    migrate = manage.start("migrate", database_url=url)
    read_until(migrate.stderr, COMMIT_WAITS)
    assert OPERATORS_WORK.standby_seconds == math.inf
    set_standby(onlooker, "")
    ended(migrate)
    assert migrate.returncode == 0
    assert value(connect(url), TICKETS) == 0


UNRECORDED = {
    "auth.0001_initial": 'DuplicateTable (42P07): relation "auth_permission" already exists',
    "token_rotation_operations.0002_send_again": "DuplicateColumn (42701): column ",
    "tickets.0002_ticket_token_rotated_at": "DuplicateColumn (42701): column ",
}
"""A table and a column of Django's own operations, and a column of the library's."""


@pytest.mark.parametrize(("migration", "exists"), UNRECORDED.items())
def test_a_migration_that_is_applied_and_not_recorded_has_a_way_out(
    manage: Manage,
    databases: DatabaseFactory,
    connect: Callable[[str], Any],
    migration: str,
    exists: str,
) -> None:
    url, names = databases.create("zero"), migration.split(".")
    assert manage("migrate", *names, database_url=url).returncode == 0
    connect(url).cursor().execute(
        "DELETE FROM django_migrations WHERE app = %s AND name = %s", names
    )
    refused = manage("migrate", database_url=url)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert exists in line
    assert TO_RECORD in line
    traced = manage("migrate", "--traceback", database_url=url, traceback_expected=True)
    assert "Traceback" in traced.stderr
    assert manage("migrate", "--plan", database_url=url).stdout.splitlines()[1] == migration
    for again in (("migrate", "--fake", *names), ("migrate",)):
        done = manage(*again, database_url=url)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stands_still", [True, False])
def test_ctrl_c_ends_a_command_of_djangos_whatever_it_waits_for(
    manage: Manage, cluster: PostgresCluster, url: str, onlooker: Any, *, stands_still: bool
) -> None:
    onlooker.cursor().execute(STUCK.format("django_session"))
    process = manage.start("clearsessions", database_url=url)
    until(lambda: value(onlooker, ASLEEP))
    if stands_still:
        with server_stands_still(cluster):
            process.send_signal(signal.SIGINT)
            ended(process)
    else:
        process.send_signal(signal.SIGINT)
        ended(process)
    assert process.returncode == 130


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_seeding_names_a_standby_that_is_gone_and_two_signals_end_it(
    manage: Manage, url: str, onlooker: Any, signum: signal.Signals
) -> None:
    set_standby(onlooker, "ghost")
    seed = manage.start("seed_tickets", "--size", "25001", database_url=url)
    read_until(seed.stderr, COMMIT_WAITS)
    seed.send_signal(signum)
    read_until(seed.stderr, "a second signal ends at once")
    seed.send_signal(signum)
    said = ended(seed)
    assert "committed on this server, and may be missing on the standby" in said
    if seed.returncode not in (-signum, 128 + signum):  # a busy machine does not end in time
        assert seed.returncode == 3
        assert "Stopped: 25,000 tickets were added and stay." in said
    assert value(onlooker, TICKETS) == 25_000


def test_two_signals_end_seeding_though_the_server_stands_still(
    manage: Manage, cluster: PostgresCluster, url: str, onlooker: Any
) -> None:
    onlooker.cursor().execute(STUCK.format("tickets_ticket"))
    seed = manage.start("seed_tickets", "--size", "5", database_url=url)
    until(lambda: value(onlooker, ASLEEP))
    with server_stands_still(cluster):
        seed.send_signal(signal.SIGTERM)
        read_until(seed.stderr, "a second signal ends at once")
        seed.send_signal(signal.SIGTERM)
        said = ended(seed)
    assert re.search("0 tickets were added and stay|it is not known whether", said)
    assert seed.returncode in (3, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_seeding_behind_a_locked_table_ends_in_bounded_time_and_says_who_holds_it(
    manage: Manage, url: str, onlooker: Any, connect: Callable[[str], Any]
) -> None:
    holder = connect(url)
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    waiting = [
        manage.start("seed_tickets", "--size", "5", *more, database_url=url)
        for more in ((), ("--fresh", "5"), ("--reset",), ("--reset", "--yes"))
    ]
    for process in waiting:
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 1, stdout + stderr
        line = stderr.splitlines()[-1]
        assert f"the tables are locked by pid {holder.info.backend_pid} (idle in transacti" in line
        assert "Run the same command again when the lock is gone. 0 tickets were added" in line
    holder.rollback()
    assert value(onlooker, TICKETS) == 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_seeding_behind_a_locked_table(
    manage: Manage, url: str, connect: Callable[[str], Any], signum: signal.Signals
) -> None:
    holder = connect(url)
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    seed = manage.start("seed_tickets", "--size", "5", database_url=url)
    read_until(seed.stderr, "for a lock that pid")
    seed.send_signal(signum)
    said = ended(seed)
    assert "Stopped: 0 tickets were added and stay." in said
    assert seed.returncode == 3
    holder.rollback()
