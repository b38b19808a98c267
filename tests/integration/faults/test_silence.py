"""A statement may take long; a server, or the way to it, may not fall silent for long.

Real backends are stopped, and a real proxy swallows. The bounds are short ones, of the tests' own.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.support import driver
from tests.support.aliases import alias_of, lead_alias
from tests.support.driver import QueryCanceled, parse_dsn, sql
from tests.support.leaked import value
from tests.support.silent import ALIAS, Silent, own_cluster, runs, set_standby
from tests.support.stopped import standing_still
from tests.support.swallowing import SwallowingProxy
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster
from token_rotation.errors import DatabaseGoneError
from token_rotation.events import Remark
from token_rotation.postgres.cancel_request import CancelRequest
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.silence import watcher
from token_rotation.postgres.silence.errors import SilentServerError, StillAliveError

pytestmark = pytest.mark.server_versions

SLEEP = sql.SQL("SELECT pg_sleep(600)")
BUSY = sql.SQL("SELECT count(*) FROM generate_series(1, 1000000000000)")
UNTIL_A_ROW_IS_KEPT = sql.SQL(
    "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM kept) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
)
INSERT = sql.SQL("INSERT INTO kept VALUES (1)")


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    """A server whose settings these tests may change."""
    yield from own_cluster(request)


@pytest.fixture
def server(
    cluster: PostgresCluster, connect: Callable[[str], Any], django_db_blocker: DjangoDbBlocker
) -> Iterator[Silent]:
    cluster.create_database("silent")
    url = cluster.url("silent")
    onlooker = connect(url)
    onlooker.cursor().execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (id int)")
    server = Silent(url, onlooker)
    with alias_of(ALIAS, url), django_db_blocker.unblock():
        yield server
        for each in server.opened:
            each.close()
    set_standby(onlooker, "")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def pid_of(connection: Connection) -> int:
    return int(connection.value(sql.SQL("SELECT pg_backend_pid()")))


SYNC_REP = "wait_event = 'SyncRep'"


def test_a_long_statement_of_a_live_server_is_not_ended(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    connection = server.connection(settled_seconds=0.1)
    long = pool.submit(connection.change, UNTIL_A_ROW_IS_KEPT)
    until(lambda: server.has_told("PostgreSQL has worked on a statement"))
    server.onlooker.cursor().execute("INSERT INTO kept VALUES (1)")
    long.result(timeout=60)


def test_a_stopped_backend_is_told_cancelled_and_given_up(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    connection = server.connection(lifeless_seconds=0.5, cancelled_seconds=0.5)
    pid = pid_of(connection)
    busy = pool.submit(connection.row, BUSY)
    until(runs(server, pid))
    with (
        standing_still(pid),
        pytest.raises(SilentServerError, match="the server did not end it"),
    ):
        busy.result(timeout=60)
    assert server.has_told("without a sign of life")
    assert connection.value(sql.SQL("SELECT 1")) == 1


@pytest.fixture
def only_connection(server: Silent) -> Connection:
    """One of a role that may have no other, so that the server refuses to be asked about it."""
    server.onlooker.cursor().execute(
        "DROP ROLE IF EXISTS single; CREATE ROLE single LOGIN CONNECTION LIMIT 1"
    )
    lead_alias(ALIAS, server.url.replace("postgres@", "single@"))
    return server.connection(lifeless_seconds=0.5, cancelled_seconds=0.5)


def test_a_stopped_backend_is_given_up_though_the_server_refuses_to_be_asked(
    server: Silent, only_connection: Connection, pool: ThreadPoolExecutor
) -> None:
    pid = pid_of(only_connection)
    busy = pool.submit(only_connection.row, BUSY)
    until(runs(server, pid))
    with (
        standing_still(pid),
        pytest.raises(SilentServerError, match="the server did not end it"),
    ):
        busy.result(timeout=60)
    assert server.has_told("the server lives, but cannot be asked why: ")
    assert server.has_told("too many connections")


def test_a_live_backend_answers_though_the_server_refuses_to_be_asked(
    only_connection: Connection, pool: ThreadPoolExecutor
) -> None:
    with pytest.raises(StillAliveError):
        pool.submit(only_connection.row, SLEEP).result(timeout=60)
    assert only_connection.value(sql.SQL("SELECT 1")) == 1


def test_a_live_backend_without_a_sign_of_life_answers_and_gets_twice_the_time(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    connection = server.connection(lifeless_seconds=0.4)
    with pytest.raises(StillAliveError) as raised:
        pool.submit(connection.row, SLEEP).result(timeout=60)
    assert driver.sqlstate_of(raised.value) == "57014"
    assert connection.value(sql.SQL("SELECT 1")) == 1
    assert connection._session is not None
    assert connection._session.patience == 2.0


def test_after_its_own_cancel_no_late_signal_of_an_old_server_hits_the_next_statement(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    """Before 17 the backend is signalled twice, and the second signal may come later."""
    connection = server.connection(lifeless_seconds=0.4)
    pid, version = connection.row(
        sql.SQL("SELECT pg_backend_pid(), current_setting('server_version_num')::int")
    ) or (0, 0)
    with pytest.raises(StillAliveError):
        pool.submit(connection.row, SLEEP).result(timeout=60)
    is_another = connection.value(sql.SQL("SELECT pg_backend_pid()")) != pid
    assert is_another == (version < 170_000)


@pytest.mark.parametrize(
    ("new_ones", "bounds", "said"),
    [
        (False, {"settled_seconds": 0.5}, "has answered"),
        (True, {"answer_seconds": 0.5, "unanswered_seconds": 1.5}, "nor on a second connection"),
    ],
)
def test_an_answer_that_is_swallowed_on_its_way_counts_as_a_lost_connection(
    server: Silent,
    pool: ThreadPoolExecutor,
    new_ones: bool,  # noqa: FBT001  (a parameter of the test)
    bounds: dict[str, float],
    said: str,
) -> None:
    """Where new connections pass, the server says that it has answered; else nothing answers."""
    proxy = SwallowingProxy(server.url)
    try:
        lead_alias(ALIAS, proxy.url)
        connection = server.connection(**bounds)
        connection.open()
        proxy.swallow(new_ones=new_ones)
        with pytest.raises(SilentServerError, match=said):
            pool.submit(connection.value, sql.SQL("SELECT 1")).result(timeout=60)
        proxy.pass_on()
        assert connection.value(sql.SQL("SELECT 1")) == 1
    finally:
        proxy.close()


def test_a_backend_that_is_gone_without_a_word_counts_as_a_lost_connection(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    proxy = SwallowingProxy(server.url)
    try:
        lead_alias(ALIAS, proxy.url)
        connection = server.connection(settled_seconds=0.5)
        pid = pid_of(connection)
        busy = pool.submit(connection.row, BUSY)
        until(runs(server, pid))
        proxy.swallow(new_ones=False)
        value(server.onlooker, "SELECT pg_terminate_backend(%s)", pid)
        with pytest.raises(SilentServerError, match="no longer runs the statement"):
            busy.result(timeout=60)
    finally:
        proxy.close()


def test_a_commit_says_that_it_waits_for_a_standby_and_goes_on_with_it(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    set_standby(server.onlooker, "ghost")
    connection = server.connection(lifeless_seconds=0.5)
    commit = pool.submit(connection.change, INSERT)
    until(lambda: server.has_told("COMMIT waits for a synchronous standby"))
    assert server.has_told("synchronous_standby_names = 'ghost'")
    set_standby(server.onlooker, "")
    assert commit.result(timeout=60) == 1
    assert not any(isinstance(event, Remark) for event in server.told)


def test_a_cancelled_wait_for_a_standby_counts_as_committed_and_says_so(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    set_standby(server.onlooker, "ghost")
    connection = server.connection()
    pid = pid_of(connection)
    commit = pool.submit(connection.change, INSERT)
    until(runs(server, pid, SYNC_REP))
    connection.cancel()
    assert commit.result(timeout=60) == 1
    assert value(server.onlooker, "SELECT count(*) FROM kept") == 1
    assert server.has_told("may be missing on the standby")


def test_somebody_elses_cancel_of_that_wait_is_told_too(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    set_standby(server.onlooker, "ghost")
    connection = server.connection()
    pid = pid_of(connection)
    commit = pool.submit(connection.change, INSERT)
    until(lambda: server.has_told("COMMIT waits"))
    value(server.onlooker, "SELECT pg_cancel_backend(%s)", pid)
    assert commit.result(timeout=60) == 1
    assert server.has_told("may be missing on the standby")


def test_a_standby_that_stays_away_is_given_up_after_the_bound(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    set_standby(server.onlooker, "ghost")
    connection = server.connection(standby_seconds=0.5)
    assert pool.submit(connection.change, INSERT).result(timeout=60) == 1
    with pytest.raises(DatabaseGoneError, match="waited for a synchronous standby"):
        connection.change(INSERT)
    assert value(server.onlooker, "SELECT count(*) FROM kept") == 1


def test_a_statement_that_ignores_its_cancel_loses_its_connection(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    connection = server.connection(cancelled_seconds=0.5)
    pid = pid_of(connection)
    busy = pool.submit(connection.row, BUSY)
    until(runs(server, pid))
    with standing_still(pid):
        connection.cancel()
        with pytest.raises(SilentServerError):
            busy.result(timeout=60)


def test_a_cancel_holds_up_no_thread_though_nobody_takes_it(
    server: Silent, pool: ThreadPoolExecutor
) -> None:
    """The driver's own request would stop the whole process until the server goes on."""
    proxy = SwallowingProxy(server.url)
    try:
        lead_alias(ALIAS, proxy.url)
        connection = server.connection(cancelled_seconds=0.5)
        connection.open()
        proxy.swallow(new_ones=True)
        silent = pool.submit(connection.value, sql.SQL("SELECT 1"))
        until(lambda: connection._session is not None and connection._session.since)
        connection.cancel()
        with pytest.raises(SilentServerError):
            silent.result(timeout=60)
    finally:
        proxy.close()


def test_a_copy_whose_source_goes_on_is_cancelled(
    server: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, send = threading.Event(), CancelRequest.send

    def noted(request: CancelRequest) -> None:
        send(request)
        taken.set()

    monkeypatch.setattr(CancelRequest, "send", noted)
    connection = server.connection()

    def values() -> Iterator[bytes]:
        for number in range(10_000):
            if number == 5_000:
                connection.cancel()
            if number == 9_000:  # reads later
                taken.wait(60)
            yield number.to_bytes(4, "big")

    with pytest.raises(QueryCanceled):
        connection.copy(sql.SQL("COPY kept FROM STDIN (FORMAT binary)"), CopyStream(values()))
    assert taken.is_set()  # an error of the source has the same type


def test_the_watching_thread_ends_with_the_last_connection(server: Silent) -> None:
    connection = server.connection()
    connection.open()
    watching = threads_watching(server)
    assert watching
    connection.close()
    for thread in watching:
        thread.join(60)
        assert not thread.is_alive()


def threads_watching(server: Silent) -> list[threading.Thread]:
    """Return the threads for this server.

    Other tests of the process may have left a connection to another one.
    """
    host = parse_dsn(server.url)["host"]
    watchers = watcher._watchers.items()
    return [each._thread for address, each in watchers if dict(address).get("host") == host]
