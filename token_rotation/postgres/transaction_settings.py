"""Settings of the transactions of Django's connections: no wait for standbys, short lock waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from token_rotation.postgres import driver
from token_rotation.postgres.statements import WITHOUT_A_STANDBY


@contextmanager
def without_standby(alias: str) -> Iterator[None]:
    """Let transactions that begin inside, on the thread's connection, wait for no standby.

    No timeout bounds that wait. For bookkeeping that may be lost in a fail-over. A transaction of
    the caller's that goes on already keeps its own setting.
    """
    connection = connections[alias]
    if connection.in_atomic_block:
        yield
        return
    with _prefixed(alias, _at_the_beginning):
        yield


@contextmanager
def limited_lock_waits(alias: str, at_most_ms: int) -> Iterator[None]:
    """Let no statement on the thread's connection wait longer for a lock while inside.

    Django then raises an OperationalError. The bound ends with its transaction: one of the session
    would stay behind in a pooled one.
    """
    with _prefixed(alias, lambda _: f"SET LOCAL lock_timeout = {at_most_ms}; "):
        yield


def _at_the_beginning(cursor: Any) -> str:
    is_first = driver.is_idle(cursor.connection)
    return f"{WITHOUT_A_STANDBY}; " if is_first else ""


@contextmanager
def _prefixed(alias: str, prefix: Callable[[Any], str]) -> Iterator[None]:
    """Send what ``prefix`` returns for the driver's cursor before each statement."""

    def send(
        execute: Callable[..., Any],
        query: str,
        values: Any,
        many: bool,  # noqa: FBT001  (Django passes it so)
        context: dict[str, Any],
    ) -> Any:
        cursor = context["cursor"].cursor
        # The DECLARE of a named cursor must be a message of its own.
        if getattr(cursor, "name", None) is None:
            query, values = driver.in_one_message(cursor, prefix(cursor), query, values)
        answer = execute(query, values, many, context)
        driver.show_last_answer(cursor)
        return answer

    with connections[alias].execute_wrapper(send):
        yield
