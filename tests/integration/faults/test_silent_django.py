"""Django's own connections may not wait for a server that is lost, nor in silence.

The bounds are short ones, of the tests' own.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connections, transaction
from pytest_django.plugin import DjangoDbBlocker

from tests.support.aliases import alias_of, lead_alias
from tests.support.leaked import value
from tests.support.silent import (
    ALIAS,
    SHORT,
    Silent,
    own_cluster,
    runs,
    server_stands_still,
    set_standby,
)
from tests.support.swallowing import SwallowingProxy
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster
from token_rotation.postgres import driver, first_of, is_lost, opening
from token_rotation.postgres.opening import own_session, watched_session
from token_rotation.postgres.silence.bounds import OTHERS_WORK
from token_rotation.postgres.silence.errors import SilentServerError
from token_rotation.postgres.silence.watched import WatchedConnections
from token_rotation.postgres.transaction_settings import without_standby

pytestmark = pytest.mark.server_versions

SYNC_REP = "wait_event = 'SyncRep'"
BUSY = "SELECT count(*) FROM generate_series(1, 1000000000000)"
INSERT = "INSERT INTO kept VALUES (1)"
GONE = {"answer_seconds": 0.5, "unanswered_seconds": 1.5}

Bound = Callable[..., None]
Submit = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    """A server of these tests' own, which they may stop."""
    yield from own_cluster(request)


@pytest.fixture
def server(
    cluster: PostgresCluster, connect: Callable[[str], Any], django_db_blocker: DjangoDbBlocker
) -> Iterator[Silent]:
    cluster.create_database("silent")
    url = cluster.url("silent")
    onlooker = connect(url)
    onlooker.cursor().execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (id int)")
    with alias_of(ALIAS, url), django_db_blocker.unblock():
        yield Silent(url, onlooker)
    set_standby(onlooker, "")


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Bound:
    """bound(name=seconds, ...) replaces bounds of the sessions that are opened later."""

    def bound(**bounds: float) -> None:
        monkeypatch.setattr(opening, "USUAL", replace(SHORT, **bounds))

    bound()
    return bound


@pytest.fixture
def submit() -> Iterator[Submit]:
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def execute(query: str) -> Any:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone() if cursor.description else cursor.rowcount


def backend() -> int:
    return int(execute("SELECT pg_backend_pid()")[0])


def kept(server: Silent) -> int:
    return int(value(server.onlooker, "SELECT count(*) FROM kept"))


def test_a_statement_and_a_fetch_end_when_the_server_stands_still(
    cluster: PostgresCluster, server: Silent, bound: Bound
) -> None:
    bound(**GONE)
    server.onlooker.cursor().execute("INSERT INTO kept SELECT generate_series(1, 10)")

    def read(waits: Callable[[Any], object]) -> None:
        with (
            watched_session(ALIAS),
            transaction.atomic(using=ALIAS),
            connections[ALIAS].chunked_cursor() as cursor,
        ):
            cursor.execute("SELECT id FROM kept")
            cursor.fetchmany(2)
            with server_stands_still(cluster):
                waits(cursor)

    for waits in (lambda _: execute(INSERT), lambda cursor: cursor.fetchmany(2)):
        with pytest.raises(OperationalError, match="nor on a second connection") as raised:
            read(waits)
        assert isinstance(raised.value.__cause__, SilentServerError)
    assert kept(server) == 10


def test_a_commit_ends_when_the_server_stands_still_and_the_first_error_is_kept(
    cluster: PostgresCluster, server: Silent, bound: Bound
) -> None:
    """Django opens another connection after that, which fails as well."""
    bound(**GONE)
    lead_alias(ALIAS, f"{server.url}&connect_timeout=2")

    def write() -> None:
        with (
            ExitStack() as stands_still,
            watched_session(ALIAS),
            transaction.atomic(using=ALIAS),
        ):
            execute(INSERT)
            stands_still.enter_context(server_stands_still(cluster))

    with pytest.raises(OperationalError) as raised:
        write()
    assert is_lost(raised.value)
    assert isinstance(first_of(raised.value).__cause__, SilentServerError)


def test_the_end_of_a_cursor_raises_no_error_of_the_driver_and_the_next_statement_does(
    cluster: PostgresCluster, server: Silent, bound: Bound
) -> None:
    bound(**GONE)
    server.onlooker.cursor().execute("INSERT INTO kept SELECT generate_series(1, 10)")
    with watched_session(ALIAS):
        cursor = connections[ALIAS].chunked_cursor()
        cursor.execute("SELECT id FROM kept")
        cursor.fetchmany(2)
        with server_stands_still(cluster):
            cursor.close()
        with pytest.raises((InterfaceError, OperationalError)):  # of psycopg 2 and 3
            execute(INSERT)
        connections[ALIAS].close()
        assert execute(INSERT) == 1


def test_a_commit_names_its_standby_and_gives_it_up_after_the_bound(
    server: Silent, bound: Bound
) -> None:
    bound(standby_seconds=0.5)
    set_standby(server.onlooker, "ghost")
    with watched_session(ALIAS, observe=server.told.append):
        with transaction.atomic(using=ALIAS):
            execute(INSERT)
        assert kept(server) == 1
        with pytest.raises(OperationalError, match=r"gave up after 0\.5 s: a COMMIT waited"):
            execute(INSERT)
    assert server.has_told("COMMIT waits for a synchronous standby")
    assert server.has_told("may be missing on the standby")
    assert kept(server) == 1


def test_a_cancel_from_another_thread_ends_a_statement_and_the_wait_of_a_commit(
    server: Silent, bound: Bound, submit: Submit
) -> None:
    cancels: list[Callable[[], None]] = []

    def work(query: str) -> Any:
        with watched_session(ALIAS, observe=server.told.append) as cancel:
            pids.append(backend())
            cancels.append(cancel)
            return execute(query)

    pids: list[int] = []
    busy = submit(lambda: work(BUSY))
    until(lambda: pids and runs(server, pids[0])())
    cancels[0]()
    with pytest.raises(OperationalError, match="canceling statement"):
        busy.result(timeout=60)
    set_standby(server.onlooker, "ghost")
    commit = submit(lambda: work(INSERT))
    until(lambda: len(pids) == 2 and runs(server, pids[1], SYNC_REP)())
    cancels[1]()
    assert commit.result(timeout=60) == 1
    assert server.has_told("may be missing on the standby")


def test_bookkeeping_waits_for_no_standby_and_a_transaction_of_the_callers_does(
    server: Silent, bound: Bound, submit: Submit
) -> None:
    set_standby(server.onlooker, "ghost")
    with own_session(ALIAS):
        execute(INSERT)
        with transaction.atomic(using=ALIAS):
            execute(INSERT)
    pids: list[int] = []

    def of_the_callers() -> None:
        with watched_session(ALIAS), transaction.atomic(using=ALIAS):
            pids.append(backend())
            with without_standby(ALIAS):
                execute(INSERT)

    callers = submit(of_the_callers)
    until(lambda: pids and runs(server, pids[0], SYNC_REP)())
    assert kept(server) == 2
    set_standby(server.onlooker, "")
    callers.result(timeout=60)
    assert kept(server) == 3


def test_other_code_in_a_worker_may_take_its_time_and_loses_only_what_is_lost(
    server: Silent, submit: Submit
) -> None:
    proxy = SwallowingProxy(server.url)
    bounds = replace(OTHERS_WORK, ask_after_seconds=0.2, ask_every_seconds=0.1, settled_seconds=0.5)
    try:
        lead_alias(ALIAS, proxy.url)
        factory = WatchedConnections(bounds, server.told.append)
        driver.hook(connections[ALIAS].settings_dict, factory)
        set_standby(server.onlooker, "ghost")
        swallows = Event()

        def work() -> None:
            try:
                execute(INSERT)
                swallows.wait(60)
                execute(INSERT)
            finally:
                connections[ALIAS].close()

        working = submit(work)
        until(lambda: server.has_told("COMMIT waits for a synchronous standby"))
        assert not working.done()
        set_standby(server.onlooker, "")
        until(lambda: kept(server) == 1)
        proxy.swallow(new_ones=False)
        swallows.set()
        with pytest.raises(OperationalError, match="the server says that it"):
            working.result(timeout=60)
    finally:
        proxy.close()
