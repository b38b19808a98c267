"""Let many callers, each with a database connection of its own, do the same thing at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

Answer = TypeVar("Answer")


def free_connections() -> int:
    """How many more connections the server takes, less a few for others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
            " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        )
        (free,) = cursor.fetchone()
    return int(free) - 5


def at_once(attempts: int, attempt: Callable[[int], Answer]) -> list[Answer | Exception]:
    """What ``attempt(0)``, ``attempt(1)``, ... returned or raised.

    Every caller holds an open connection before the first of them starts. A server that takes
    fewer connections than attempts gets several attempts over each.
    """
    callers = min(attempts, free_connections())
    barrier = Barrier(callers, timeout=60)

    def call(caller: int) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = []
        try:
            connection.ensure_connection()
            barrier.wait()
            for number in range(caller, attempts, callers):
                try:
                    answers.append(attempt(number))
                except Exception as error:  # noqa: BLE001  (the test looks at it)
                    answers.append(error)
        finally:
            connection.close()
        return answers

    with ThreadPoolExecutor(max_workers=callers) as pool:
        return [answer for answers in pool.map(call, range(callers)) for answer in answers]
