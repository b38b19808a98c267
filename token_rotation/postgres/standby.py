"""Transactions whose COMMIT waits for no synchronous standby."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

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
    with connection.execute_wrapper(_begin_without_standby):
        yield


def _begin_without_standby(
    execute: Callable[..., Any],
    query: str,
    values: Any,
    many: bool,  # noqa: FBT001  (Django passes it so)
    context: dict[str, Any],
) -> Any:
    cursor = context["cursor"].cursor
    is_first = cursor.connection.info.transaction_status == TRANSACTION_STATUS_IDLE
    if is_first and getattr(cursor, "name", None) is None:
        query = f"{WITHOUT_A_STANDBY}; {query}"
    return execute(query, values, many, context)
