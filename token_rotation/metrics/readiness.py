"""Is this process alive, and may it be sent requests?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from http import HTTPStatus
from threading import Lock

from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from psycopg2 import sql

from token_rotation.errors import RotationError
from token_rotation.inspection.preflight import inspect
from token_rotation.postgres.connection import Connection, reading
from token_rotation.postgres.statements import LIMIT_STATEMENT
from token_rotation.targets.discovery import find_targets

CONNECT_SECONDS = 2
STATEMENT_MS = 2000
# However often it is asked, the database is looked at once in so long.
ANSWER_LASTS_SECONDS = 1.0

RECORDS_EXIST = sql.SQL("SELECT to_regclass('django_migrations') IS NOT NULL")
RECORDS = sql.SQL("SELECT app, name FROM django_migrations")


class Readiness:
    """What keeps the site from serving; looked at once for all threads that ask at a time."""

    def __init__(self, look: Callable[[], tuple[str, ...]], clock: Callable[[], float]) -> None:
        self._look = look
        self._clock = clock
        self._lock = Lock()
        self._seen: tuple[float, tuple[str, ...]] | None = None

    def failing(self) -> tuple[str, ...]:
        """Of "database", "migrations" and "guard" those that fail, as they were a second ago."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] >= ANSWER_LASTS_SECONDS:
                failing = self._look()
                self._seen = (self._clock(), failing)
            return self._seen[1]


def failing_parts(database: str = DEFAULT_DB_ALIAS) -> tuple[str, ...]:
    """Look now, on a connection of its own, for four seconds at most."""
    try:
        with reading(database, connect_seconds=CONNECT_SECONDS) as connection:
            limit = {"statement_timeout_ms": STATEMENT_MS}
            with connection.transaction(LIMIT_STATEMENT, values=limit):
                return tuple(_failing(connection, database))
    except (RotationError, OperationalError):  # the latter from the embedded server's backend
        return ("database",)


def _failing(connection: Connection, database: str) -> Iterator[str]:
    applied = set(connection.rows(RECORDS)) if connection.value(RECORDS_EXIST) else set()
    if not all(_is_applied(key, applied) for key in _migrations()):
        yield "migrations"
    if not all(inspect(connection, target).intact for target in find_targets(database)):
        yield "guard"


@cache
def _migrations() -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    """The migrations of this code, each with those that it replaces."""
    migrations = MigrationLoader(None).disk_migrations
    return {key: frozenset(migration.replaces) for key, migration in migrations.items()}


def _is_applied(key: tuple[str, str], applied: set[tuple[str, str]]) -> bool:
    """Also when it was applied as those that it replaces, or as the one that replaces it."""
    replaced = _migrations()[key]
    if key in applied or (replaced and replaced <= applied):
        return True
    return any(key in others and other in applied for other, others in _migrations().items())


readiness = Readiness(failing_parts, time.monotonic)


@require_safe
@cache_control(no_store=True)
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The process answers. Nothing else is asked: a restart would mend nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
@cache_control(no_store=True)
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Whether requests may be sent here: 200, or 503 and a word for each part that fails."""
    failing = readiness.failing()
    if failing:
        answer = {"status": "not ready", "failing": failing}
        return JsonResponse(answer, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return JsonResponse({"status": "ready"})
