"""A Redis server, and workers for each file of tests here, on pytest-django's own database."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.db import connections

from tests.projects.worker_actions.journal import Journal
from tests.support.celery_workers import RedisServer, Team, Worker
from tests.support.databases import DatabaseFactory, make_server_directory
from tests.support.manage import Manage
from tests.support.waiting import until
from token_rotation.operations.lifecycle import Status

if TYPE_CHECKING:
    from tests.support.worker_site import Site


@pytest.fixture(scope="session")
def session_directory() -> Iterator[Path]:
    directory = make_server_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def broker(session_directory: Path) -> Iterator[RedisServer]:
    from tickets.config.celery import app  # noqa: PLC0415  (after Django was set up)

    server = RedisServer(session_directory)
    app.conf.update(broker_url=server.url, broker_read_url=server.url, broker_write_url=server.url)
    yield server
    app.pool.force_close_all()
    server.client.close()
    server.stop()


@pytest.fixture(scope="session")
def celery_env(django_db_setup: None, server_url: str, broker: RedisServer) -> dict[str, str]:
    """Variables that lead to pytest-django's database and to the first database of the broker."""
    name = connections["default"].settings_dict["NAME"]
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    return {"DATABASE_URL": url, "CELERY_BROKER_URL": broker.url}


@pytest.fixture(scope="module")
def make_worker(
    celery_env: dict[str, str], session_directory: Path
) -> Iterator[Callable[..., Worker]]:
    """make_worker(name, env={}, **options) returns a worker that is starting.

    None outlives its file: workers look for lost operations, those of other tests as well.
    """
    made: list[Worker] = []
    own_directory = Path(tempfile.mkdtemp(dir=session_directory))

    def make(name: str, env: dict[str, str] | None = None, **options: Any) -> Worker:
        directory = own_directory / name
        directory.mkdir()
        made.append(Worker(directory, {**celery_env, **(env or {})}, **options))
        return made[-1]

    yield make
    for worker in made:
        worker.kill()


@pytest.fixture(scope="module")
def make_site(
    database_factory: DatabaseFactory,
    broker: RedisServer,
    manage: Manage,
    make_worker: Callable[..., Worker],
) -> Iterator[Callable[[], "Site"]]:
    """make_site() returns one with a database of its own and no worker."""
    from tests.support.worker_site import Site  # noqa: PLC0415  (after Django was set up)

    sites: list[Site] = []

    def make() -> Site:
        url = database_factory.create("latest")
        connection = psycopg2.connect(url)
        connection.autocommit = True
        sites.append(Site(url, broker, manage, make_worker, connection))
        return sites[-1]

    yield make
    for site in sites:
        site.stop()
        database_factory.drop(site.database_url)


@pytest.fixture(scope="module")
def shared_workers(make_worker: Callable[..., Worker]) -> Team:
    return Team([make_worker(name, concurrency=1) for name in ("one", "two")])


@pytest.fixture(scope="session")
def groups() -> None:
    """The action groups are known to this process, too."""
    import_module("tests.projects.worker_actions.actions")


@pytest.fixture
def workers(
    shared_workers: Team, broker: RedisServer, transactional_db: None, groups: None
) -> Iterator[Team]:
    """Two processes with nothing to do, and with nothing to do again at the test's end."""
    yield shared_workers
    until(lambda: broker.holds() == 0)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Its gate is opened at the end, so that no action of a failed test stays behind."""
    journal = Journal(tmp_path)
    yield journal
    journal.open_gate()


@pytest.fixture
def finished() -> Callable[[Any], Any]:
    """finished(operation) returns it as soon as it has finished."""

    def wait(operation: Any) -> Any:
        def has_finished() -> bool:
            operation.refresh_from_db()
            return operation.status == Status.FINISHED

        until(has_finished)
        return operation

    return wait
