"""A target on a database of its own, for tests that call the rotation in this process."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import dj_database_url
import pytest
from django.conf import settings as django_settings
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from tests.support.rotations import RotationFactory
from token_rotation.engine.rotation import Rotation
from token_rotation.events import Event
from token_rotation.options import RotationOptions
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.later_rows import LaterRows

ALIAS = "rotated"


@pytest.fixture
def served(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of a site that django.test.Client may ask."""
    from tickets.lookup_limit.limiter import limiter  # noqa: PLC0415  (after Django was set up)

    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    limiter.cache_clear()
    yield
    limiter.cache_clear()


@pytest.fixture
def target(database_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Target]:
    """The tickets of a new database, under an alias of its own."""
    settings = connections.configure_settings(
        {**connections.settings, ALIAS: dict(dj_database_url.parse(database_url))}
    )
    connections.settings[ALIAS] = settings[ALIAS]
    with django_db_blocker.unblock():
        yield find_targets(ALIAS)[0]
    with suppress(AttributeError):  # no connection was made under the alias
        del connections[ALIAS]
    del connections.settings[ALIAS]


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any], target: Target) -> Any:
    """An autocommit connection to the target's database: the application, or an onlooker."""
    return connect(database_url)


@pytest.fixture
def other(database_url: str, connect: Callable[[str], Any]) -> Any:
    """A transaction of the application's, open until the test ends it."""
    connection = connect(database_url)
    connection.autocommit = False
    return connection


@pytest.fixture
def limit_connections(tickets: Any, target: Target) -> Iterator[Callable[[int], None]]:
    """limit_connections(n): rotations of leaked tickets have a role with n connections."""
    role = f"limited_{tickets.info.backend_pid}"

    def limit(most: int) -> None:
        tickets.cursor().execute(
            f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {most} PASSWORD 'limited';"
            f"GRANT SELECT, UPDATE ON tickets_ticket TO {role};"
            f"GRANT INSERT ON token_change TO {role}"
        )
        connections[target.database].settings_dict.update(USER=role, PASSWORD="limited")

    yield limit
    tickets.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def slow_at(tickets: Any, limit_connections: Callable[[int], None]) -> Callable[[str], None]:
    """slow_at(row): whoever looks at that row has to wait for longer than any test takes.

    So a count takes too long however fast the machine is, and a look at another row does not.
    """

    def make_slow(row: str) -> None:
        limit_connections(10)  # row security holds for no superuser
        tickets.cursor().execute(
            "ALTER TABLE tickets_ticket ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY slow ON tickets_ticket USING (NOT {row} OR pg_sleep(600) IS NULL)"
        )

    return make_slow


@pytest.fixture
def rotation(target: Target) -> RotationFactory:
    """rotation(observe, stop, target, bounds, leak_list, later, **options) makes an engine.

    It gives no way to traffic unless it is asked to: a test's own statements are traffic, too.
    """

    def make(
        observe: Callable[[Event], None] = lambda _: None,
        stop: StopSignal | None = None,
        target: Target = target,
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
        later: LaterRows | None = None,
        **options: Any,
    ) -> Rotation:
        return Rotation(
            target,
            RotationOptions(**{"traffic_budget_ms": 0} | options),
            observe=observe,
            stop=stop or StopSignal(),
            clock=time.monotonic,
            bounds=bounds,
            leak_list=leak_list,
            later=later,
        )

    return make
