"""A fault that lasts ends, or leaves out one row, in the time that is said.

The bounds of silence are those of ``tests.projects.impatient``.
"""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.silent import own_cluster, server_stands_still
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

pytestmark = pytest.mark.server_versions

ROWS = 1_000
IMPATIENT = {"DJANGO_SETTINGS_MODULE": "tests.projects.impatient.settings"}
STUCK = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(100000); RETURN NULL; END $$;
CREATE TRIGGER stuck BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = 500) EXECUTE FUNCTION be_stuck();
"""
STUCK_DELETE = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(100000); RETURN NULL; END $$;
CREATE TRIGGER stuck BEFORE DELETE ON token_rotation_retiredtoken
FOR EACH STATEMENT EXECUTE FUNCTION be_stuck();
"""
ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event = 'PgSleep'"
)
ENDED_IN_SECONDS = 25.0
"""Three of silence, five of retries, three for the record, and much for a busy machine.

With ten seconds for each connection that nobody answers, it were forty.
"""


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    """A server that these tests may stop."""
    yield from own_cluster(request)


@pytest.fixture
def url(cluster: PostgresCluster, manage: Manage) -> str:
    url = DatabaseFactory(cluster.url(), manage).create("latest")
    installed = manage("pgtrigger", "install", database_url=url, env=IMPATIENT)
    assert installed.returncode == 0, installed.stderr
    return url


@pytest.fixture
def tickets(url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(url)
    leak(connection, ROWS)
    return connection


def test_a_row_whose_statement_never_ends_is_named_with_exit_code_3(
    manage: Manage, url: str, tickets: Any
) -> None:
    tickets.cursor().execute(STUCK)
    options = ("--batch-rows", "100", "--retry-seconds", "1")
    first, second = (
        manage("rotate_tokens", *options, database_url=url, env=IMPATIENT) for _ in range(2)
    )
    assert pending(tickets) == 1
    for each in (first, second):
        assert (each.returncode, each.stderr) == (3, "")
        last = each.stdout.splitlines()[-1]
        assert "refused to change 1 row (id 500: its statement did not end in 1 s)" in last
        assert "Mend those rows or what refuses them, then: python manage.py" in last
    tickets.cursor().execute("DROP FUNCTION be_stuck() CASCADE")
    assert manage("rotate_tokens", database_url=url, env=IMPATIENT).returncode == 0
    assert_each_token_changed_once(tickets)


def test_one_signal_ends_a_run_at_the_end_of_a_statement_that_was_cancelled(
    manage: Manage, url: str, tickets: Any
) -> None:
    tickets.cursor().execute(STUCK)
    process = manage.start("rotate_tokens", database_url=url, env=IMPATIENT)
    until(lambda: value(tickets, ASLEEP))
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 3, stdout + stderr
    assert "Stopped on request" in stdout
    assert "retry 1" not in stdout
    assert "Trying again" not in stdout


def test_a_run_beside_a_frozen_server_ends_after_its_silence_and_the_time_for_faults(
    manage: Manage, cluster: PostgresCluster, url: str, tickets: Any
) -> None:
    tickets.cursor().execute(STUCK)
    options = ("--batch-rows", "100", "--retry-seconds", "5")
    process = manage.start("rotate_tokens", *options, database_url=url, env=IMPATIENT)
    until(lambda: value(tickets, ASLEEP))
    with server_stands_still(cluster):
        _, stderr = process.communicate(timeout=ENDED_IN_SECONDS)
    assert process.returncode == 1
    assert "gave up after" in stderr
    assert "refused" not in stderr


def test_pruning_beside_a_frozen_server_says_what_it_waits_for_and_how_to_end_it(
    manage: Manage, cluster: PostgresCluster, url: str, tickets: Any
) -> None:
    assert manage("rotate_tokens", database_url=url, env=IMPATIENT).returncode == 0
    tickets.cursor().execute(STUCK_DELETE)
    words = ("prune_retired_tokens", "--older-than", "0")
    process = manage.start(*words, database_url=url, env=IMPATIENT)
    until(lambda: value(tickets, ASLEEP))
    with server_stands_still(cluster):
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=120)
    assert "a second signal ends it within five seconds" in stderr
    assert "waiting: " in stderr
    assert process.returncode in (1, 3)
