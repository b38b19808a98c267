"""The database server restarts, or goes away, in the middle of a rotation."""

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory, make_server_directory
from tests.support.leaked import assert_each_token_changed_once, leak, pending
from tests.support.manage import Manage
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

ROWS = 20_000
SLOWLY = ("rotate_tokens", "--batch-rows", "100", "--pause-seconds", "0.01")


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    """A server of these tests' own, that they may crash."""
    directory = make_server_directory()
    # What it survives is its own crash; one of the machine would take more.
    cluster = PostgresCluster(directory, settings={"fsync": "off", "full_page_writes": "off"})
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def databases(cluster: PostgresCluster, manage: Manage) -> DatabaseFactory:
    return DatabaseFactory(cluster.url(), manage)


@pytest.fixture
def server(cluster: PostgresCluster) -> PostgresCluster:
    cluster.start()
    return cluster


@pytest.fixture
def url(server: PostgresCluster, databases: DatabaseFactory, connect: Callable[[str], Any]) -> str:
    """A database with leaked tickets."""
    url = databases.create("latest")
    leak(connect(url), ROWS)
    return url


def test_a_crash_and_restart_of_the_server_in_mid_run_is_survived(
    server: PostgresCluster, url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    process = manage.start(*SLOWLY, database_url=url)
    tickets = connect(url)
    until(lambda: pending(tickets) < ROWS)
    server.restart("immediate")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stdout + stderr
    assert "retry 1 in" in stdout
    assert_each_token_changed_once(connect(url))


def test_a_server_that_stays_away_ends_the_run_in_bounded_time_and_a_later_run_goes_on(
    server: PostgresCluster, url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    process = manage.start(
        "rotate_tokens", "--batch-rows", "100", "--retry-seconds", "2", database_url=url
    )
    tickets = connect(url)
    until(lambda: pending(tickets) < ROWS)
    server.stop("immediate")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in stderr
    (line,) = stderr.splitlines()
    assert "gave up after" in line
    assert "rows rotated by this run are safe" in line
    assert line.endswith(
        "To go on: python manage.py rotate_tokens --batch-rows 100 --retry-seconds 2"
    )
    server.start()
    assert manage("rotate_tokens", database_url=url).returncode == 0
    assert_each_token_changed_once(connect(url))


def test_a_stop_while_the_server_is_away_still_says_how_far_it_came(
    server: PostgresCluster, url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    process = manage.start(*SLOWLY, database_url=url)
    tickets = connect(url)
    until(lambda: pending(tickets) < ROWS)
    server.stop("immediate")
    assert process.stdout is not None
    until(lambda: process.stdout.readline().startswith("retry"))  # type: ignore[union-attr]
    process.terminate()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Traceback" not in stderr
    assert "tokens rotated in" in stdout
    assert "how much is pending now is unknown" in stdout
    assert stdout.endswith(
        "To go on: python manage.py rotate_tokens --batch-rows 100 --pause-seconds 0.01\n"
    )


def test_a_server_that_is_down_for_ten_seconds_is_waited_for(
    server: PostgresCluster, url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    process = manage.start(*SLOWLY, database_url=url)
    tickets = connect(url)
    until(lambda: pending(tickets) < ROWS)
    server.stop("immediate")
    time.sleep(10)  # the length of the outage is what is tested
    server.start()
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stdout + stderr
    assert "retry 1 in" in stdout
    assert_each_token_changed_once(connect(url))
