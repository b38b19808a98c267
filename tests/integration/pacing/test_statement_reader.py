"""The times of others' statements, read of a server that has pg_stat_statements."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.aliases import alias_of
from tests.support.databases import make_server_directory
from tests.support.leaked import value
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster
from token_rotation.pacing.budget.delays import NOBODY
from token_rotation.pacing.budget.probe import Probe
from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.statement_reader import StatementReader
from token_rotation.pacing.budget.statement_times import Totals
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server.probe import probe

LIBRARY = "pg_stat_statements"
PROBES = (
    f"SELECT array_agg(queryid) FROM statistics.{LIBRARY}"
    " WHERE query ~ 'pg_logical_emit_message' AND rows > 0"
)
PROBING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name ~ 'rotat' AND pid <> pg_backend_pid()"
)


class Resting(TrafficBudget):
    """Rests when it is told to, and notes what is read."""

    at_rest = False
    begins_anew = False

    def __init__(self) -> None:
        self.read: list[tuple[bool, Mapping[int, Totals]]] = []
        super().__init__(0.005, largest_rows=4000, workers=1, clock=time.monotonic)

    @property
    def is_at_rest(self) -> bool:
        return self.at_rest

    def probe_ends(self, server_seconds: float, others: Sessions = NOBODY) -> float:
        self.at_rest = not self.at_rest
        return 0.01

    def read_statements(self, totals: Mapping[int, Totals], *, at_rest: bool) -> None:
        self.read.append((at_rest, totals))


class Counting(Connection):
    """Counts what it asks."""

    asked = 0

    def _executed(self, *words: Any) -> Any:
        self.asked += 1
        return super()._executed(*words)


def has_library(programs: Path) -> bool:
    places = (programs.parent / "lib", programs.parent / "lib" / "postgresql")
    return any((place / f"{LIBRARY}.so").exists() for place in places)


@pytest.fixture(autouse=True)
def _unblocked(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def programs(request: pytest.FixtureRequest) -> Path:
    """Of the version under test, or Debian's: the embedded ones have not the library."""
    given = request.config.getoption("--server-programs")
    known = [Path(given)] if given else list(Path("/usr/lib/postgresql").glob("*/bin"))
    found = next((each for each in known if has_library(each)), None)
    if found is None:
        pytest.skip(f"no server with {LIBRARY} is installed")
    return found


@contextmanager
def running(programs: Path, **settings: str) -> Iterator[PostgresCluster]:
    directory = make_server_directory()
    cluster = PostgresCluster(directory, bin_directory=programs, settings=settings)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop("immediate")
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def server(programs: Path) -> Iterator[PostgresCluster]:
    """A server that has loaded the library."""
    with running(programs, fsync="off", shared_preload_libraries=LIBRARY) as cluster:
        yield cluster


@pytest.fixture
def other(server: PostgresCluster, connect: Callable[[str], Any]) -> Iterator[Any]:
    """A session of an application on that server."""
    session = connect(server.url())
    session.autocommit = True
    session.cursor().execute("CREATE SCHEMA statistics")
    yield session
    session.cursor().execute("DROP SCHEMA statistics CASCADE")


@contextmanager
def connected(server: PostgresCluster) -> Iterator[Counting]:
    with alias_of("counted", server.url()) as alias:
        connection = Counting(alias)
        yield connection
        connection.close()


def asked_in_three_rests(server: PostgresCluster) -> int:
    """How often the server was asked; nothing was read."""
    budget = Resting()
    reader = StatementReader(budget)
    with connected(server) as connection:
        for at_rest in (True, False, True, False, True):
            budget.at_rest = at_rest
            reader.read_if_due(connection)
        assert budget.read == []
        return connection.asked


def test_the_calls_and_times_of_others_statements_are_read_where_a_rest_begins_and_ends(
    server: PostgresCluster, other: Any
) -> None:
    other.cursor().execute(f"CREATE EXTENSION {LIBRARY} SCHEMA statistics")
    budget = Resting()
    reader = StatementReader(budget)
    with connected(server) as connection:
        for at_rest in (False, True, True, False):
            budget.at_rest = at_rest
            for _ in range(10):
                other.cursor().execute("SELECT pg_sleep(0.001)")
            reader.read_if_due(connection)
    (was_at_rest, begin), (is_at_rest, end) = budget.read
    assert (was_at_rest, is_at_rest) == (False, True)
    (ran,) = (
        Totals(totals.calls - begin[each].calls, totals.seconds - begin[each].seconds)
        for each, totals in end.items()
        if each in begin and totals.calls - begin[each].calls == 20
    )
    assert ran.seconds >= 0.02


def test_probes_read_it_and_leave_out_what_sessions_of_the_rotation_run(
    server: PostgresCluster, other: Any, target: Target
) -> None:
    other.cursor().execute(
        f"CREATE EXTENSION {LIBRARY} SCHEMA statistics;"
        " CREATE TABLE statistics.tickets_ticket AS SELECT 1 AS id;"
        " ALTER DATABASE postgres SET search_path = statistics"
    )
    budget = Resting()
    with alias_of("counted", server.url()) as alias:
        prober = Probe(alias, probe(target.table, target.key_column), budget)
        prober.begin()
        until(lambda: len(budget.read) >= 5)
        prober.close()
        until(lambda: value(other, PROBING) == 0)
    other.cursor().execute("ALTER DATABASE postgres RESET search_path")
    numbers = value(other, PROBES)
    assert numbers
    assert not set(numbers) & budget.read[-1][1].keys()


def test_without_it_nothing_is_read_and_the_server_is_asked_once(server: PostgresCluster) -> None:
    assert asked_in_three_rests(server) == 1


def test_an_old_version_of_it_is_asked_once(server: PostgresCluster, other: Any) -> None:
    other.cursor().execute(f"CREATE EXTENSION {LIBRARY} SCHEMA statistics VERSION '1.4'")
    assert asked_in_three_rests(server) == 2


def test_where_it_is_not_loaded_it_is_asked_once(
    programs: Path, connect: Callable[[str], Any]
) -> None:
    with running(programs, fsync="off") as server:
        session = connect(server.url())
        session.autocommit = True
        session.cursor().execute(f"CREATE EXTENSION {LIBRARY}")
        assert asked_in_three_rests(server) == 2
