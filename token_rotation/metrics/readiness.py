"""Views of liveness and readiness, for a load balancer.

They are about the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from threading import Lock

from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from token_rotation.errors import RotationError, TokenSourceError
from token_rotation.inspection.disk_migrations import disk_migrations
from token_rotation.inspection.preflight import inspect
from token_rotation.metrics.targets import targets_on
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.postgres.statements import LIMIT_STATEMENT
from token_rotation.sql.server.applied_migrations import RECORDS, RECORDS_EXIST

CONNECT_SECONDS = 2
STATEMENT_MS = 2000
# However often a client asks, the database is read once in this time.
ANSWER_LASTS_SECONDS = 1.0


class Readiness:
    """The parts that fail.

    One thread reads the database for all that ask at the same time.
    """

    def __init__(self, look: Callable[[], tuple[str, ...]], clock: Callable[[], float]) -> None:
        self._look = look
        self._clock = clock
        self._lock = Lock()
        self._seen: tuple[float, tuple[str, ...]] | None = None

    def failing(self) -> tuple[str, ...]:
        """Return the failing parts, at most 1 s old.

        They are among "database", "migrations" and "guard".
        """
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] >= ANSWER_LASTS_SECONDS:
                failing = self._look()
                self._seen = (self._clock(), failing)
            return self._seen[1]


def failing_parts(database: str = DEFAULT_DB_ALIAS) -> tuple[str, ...]:
    """Return the parts that fail now.

    Opens its own connection and takes 4 s at most.
    """
    try:
        with reading(database, connect_seconds=CONNECT_SECONDS, locked_seconds=0) as connection:
            limit = {"statement_timeout_ms": STATEMENT_MS}
            with connection.transaction(LIMIT_STATEMENT, values=limit):
                return tuple(_failing(connection, database))
    except (RotationError, OperationalError):  # the latter from the embedded server's backend
        return ("database",)


def _failing(connection: Connection, database: str) -> Iterator[str]:
    applied = set(connection.rows(RECORDS)) if connection.value(RECORDS_EXIST) else set()
    if not all(_is_applied(key, applied) for key in disk_migrations()):
        yield "migrations"
    if not _guards_are_intact(connection, database):
        yield "guard"


def _guards_are_intact(connection: Connection, database: str) -> bool:
    try:
        targets = targets_on(database)
    except TokenSourceError:
        return False
    return all(inspect(connection, target, compares_rows=False).serves for target in targets)


def _is_applied(key: tuple[str, str], applied: set[tuple[str, str]]) -> bool:
    """Return True if the migration, or its equivalent, is applied.

    Equivalent are the migrations that it replaces, or the one that replaces it.
    """
    replaced = disk_migrations()[key]
    if key in applied or (replaced and replaced <= applied):
        return True
    return any(key in others and other in applied for other, others in disk_migrations().items())


readiness = Readiness(failing_parts, time.monotonic)


@require_safe
@cache_control(no_store=True)
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer 200, and check nothing else.

    A restart would repair nothing else.
    """
    return JsonResponse({"status": "ok"})


@require_safe
@cache_control(no_store=True)
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer 200 if the site can serve, else 503.

    The 503 has one word for each part that fails.
    """
    failing = readiness.failing()
    if failing:
        answer = {"status": "not ready", "failing": failing}
        return JsonResponse(answer, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return JsonResponse({"status": "ready"})
