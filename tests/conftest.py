"""The database server, databases and processes that the tests share.

DATABASE_URL names the server to test on. Without it a cluster of the embedded binaries is started
for this run, in a temporary directory; with pytest-xdist each process has one, since what a
rotation does depends on who else is at work on the server. Either is only touched in databases with
unique names, so several runs at once do not meet. With --server-programs the cluster is one of
another PostgreSQL, whatever DATABASE_URL says.
"""

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from django.test import TransactionTestCase

from tests.support import driver
from tests.support.databases import DatabaseFactory, make_server_directory, unique_name
from tests.support.emptying import empty_full_tables
from tests.support.forking.client import OF_OTHERS, OF_RELEASES
from tests.support.longest_first import sort_longest_first
from tests.support.manage import Manage
from tests.support.tagging import tag_every_statement
from tickets.config.embedded.cluster import PostgresCluster

# No test depends on how fast a machine is.
hypothesis.settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any speed")

_cluster: PostgresCluster | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "directory of initdb and pg_ctl of another PostgreSQL to test on"
    parser.addoption("--server-programs", metavar="DIRECTORY", help=help_text)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the server before Django reads its settings; it starts when a test needs it."""
    global _cluster  # noqa: PLW0603  (this hook comes before any fixture)
    if config.getoption("numprocesses", None):
        return  # the processes that pytest-xdist starts run the tests; they inherit the environment
    programs: str | None = config.getoption("--server-programs")
    if programs or "DATABASE_URL" not in os.environ:
        _cluster = PostgresCluster(
            make_server_directory(),
            bin_directory=Path(programs) if programs else None,
            settings={
                "fsync": "off",
                "full_page_writes": "off",
                "max_connections": "200",
                "max_prepared_transactions": "10",
            },
        )
        os.environ["DATABASE_URL"] = _cluster.url()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A suite that was started in the background; what it starts would not heed Ctrl-C either.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # one under nohup, likewise
    os.environ["DJANGO_SETTINGS_MODULE"] = "tickets.config.settings"
    django.setup()
    tag_every_statement()  # our statements must bear what projects do with them
    PBKDF2PasswordHasher.iterations = 1  # tests make many users, whose passwords guard nothing
    # Or each django.test.Client would list every static file of every app before its first request.
    settings.WHITENOISE_AUTOREFRESH = True


def pytest_unconfigure(config: pytest.Config) -> None:
    if _cluster is not None:
        _cluster.stop("immediate")
        shutil.rmtree(_cluster.directory, ignore_errors=True)


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort_longest_first(items)


def pytest_collection_finish() -> None:
    """What is collected stays to the end; the search for garbage need not go through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server_url() -> str:
    """URL of a database to connect to for creating others."""
    if _cluster is not None:
        _cluster.start()
    return os.environ["DATABASE_URL"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(database_factory: DatabaseFactory) -> None:
    """Let pytest-django's own database be a clone, too, under a unique name; see ``emptying``."""
    connections["default"].settings_dict["TEST"] |= {
        "NAME": unique_name("django"),
        "TEMPLATE": database_factory.template("latest"),
    }
    TransactionTestCase._fixture_teardown = empty_full_tables


@pytest.fixture(scope="session")
def manage() -> Iterator[Manage]:
    """Run manage.py as a real process: manage(...) waits, manage.start(...) returns at once."""
    directory = make_server_directory()
    manage = Manage(embedded_directory=directory)
    yield manage
    manage.close()
    OF_OTHERS.end()
    OF_RELEASES.end()
    shutil.rmtree(directory)


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A new directory for a server of the test's own, removed at the test's end."""
    directory = make_server_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def database_factory(server_url: str, manage: Manage) -> Iterator[DatabaseFactory]:
    factory = DatabaseFactory(server_url, manage)
    yield factory
    factory.drop_all()


@pytest.fixture
def make_database(database_factory: DatabaseFactory) -> Iterator[Callable[..., str]]:
    """make_database(migrated_to="latest"|"0001"|...|"zero") returns a new database's URL."""
    made: list[str] = []

    def make(migrated_to: str = "latest") -> str:
        made.append(database_factory.create(migrated_to))
        return made[-1]

    yield make
    for url in made:
        database_factory.drop(url)


@pytest.fixture
def database_url(make_database: Callable[..., str]) -> str:
    """URL of a new, fully migrated, empty database."""
    return make_database()


@pytest.fixture
def connect() -> Iterator[Callable[[str], Any]]:
    """connect(url) returns an autocommit connection, closed at the test's end."""
    opened: list[Any] = []

    def open_connection(url: str) -> Any:
        connection = driver.connect(url)
        connection.autocommit = True
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        connection.close()
