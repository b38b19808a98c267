"""A server of a test's own that may be stopped, or wait for a standby that is gone."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import driver
from tests.support.databases import make_server_directory
from tests.support.leaked import value
from tests.support.stopped import standing_still
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster
from token_rotation.events import Event
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.silence.bounds import SilenceBounds

PATIENT = 600.0
SHORT = SilenceBounds(
    ask_after_seconds=0.2,
    ask_every_seconds=0.1,
    answer_seconds=PATIENT,
    unanswered_seconds=PATIENT,
    settled_seconds=PATIENT,
    lifeless_seconds=PATIENT,
    standby_seconds=PATIENT,
    cancelled_seconds=PATIENT,
)
"""Each test shortens the one bound that it is about; the others never end anything."""

ALIAS = "silent"
A_COMMIT = "SELECT pg_logical_emit_message(true, 'a test', '')"


class Silent:
    """A server's database under an alias, and connections to it."""

    def __init__(self, url: str, onlooker: Any) -> None:
        self.url = url
        self.onlooker = onlooker
        self.told: list[Event] = []
        self.opened: list[Connection] = []

    def connection(self, **bounds: float) -> Connection:
        opened = Connection(ALIAS, bounds=replace(SHORT, **bounds), observe=self.told.append)
        self.opened.append(opened)
        return opened

    def has_told(self, words: str) -> bool:
        return any(words in str(event) for event in self.told)


def own_cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    """A running server, of the programs that the run tests."""
    programs = request.config.getoption("--server-programs")
    cluster = PostgresCluster(
        make_server_directory(),
        bin_directory=Path(programs) if programs else None,
        settings={"fsync": "off", "full_page_writes": "off"},
    )
    cluster.start()
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(cluster.directory, ignore_errors=True)


def server_stands_still(cluster: PostgresCluster) -> AbstractContextManager[None]:
    """All its processes stand still while inside."""
    pid = cluster.server_pid()
    assert pid is not None
    return standing_still(pid, children=True)


def set_standby(connection: Any, name: str) -> None:
    """Returns when COMMITs of others wait for a standby of that name; this one waits for none."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = local")
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = %s", [name])
        cursor.execute("SELECT pg_reload_conf()")
    until(lambda: value(connection, "SHOW synchronous_standby_names") == name)
    if name:  # the checkpointer tells the sessions, and may be later than they
        until(lambda: a_commit_waits(connection))


def a_commit_waits(connection: Any) -> bool:
    """Try one in another session."""
    other = driver.connect_beside(connection)
    other.autocommit = True
    pid = other.info.backend_pid
    waits = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'SyncRep'"
    with ThreadPoolExecutor(1) as pool:
        commit = pool.submit(other.cursor().execute, A_COMMIT)
        until(lambda: commit.done() or value(connection, waits))
        has_waited = not commit.done()
        if has_waited:
            value(connection, f"SELECT pg_cancel_backend({pid})")
        commit.result(timeout=60)
    other.close()
    return has_waited


def runs(server: Silent, pid: int, condition: str = "state = 'active'") -> Callable[[], Any]:
    query = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND {condition}"
    return lambda: value(server.onlooker, query)


def read_until(stream: Any, words: str) -> str:
    """The first line with the words."""
    said = []
    for line in stream:
        if words in line:
            return str(line)
        said.append(line)
    raise AssertionError(f"the process ended without a word of: {words}. It said: {said}")
