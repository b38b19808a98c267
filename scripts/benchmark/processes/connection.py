"""Connections of the benchmark's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (it is the class)


@contextmanager
def connected(url: str, *, application_name: str = "benchmark") -> Iterator[Connection]:
    """A connection in autocommit mode, closed at the end."""
    connection = psycopg2.connect(url, application_name=application_name)
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def one_value(url: str, query: str) -> Any:
    """The one value that a query answers, through a connection of its own."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        (value,) = cursor.fetchone() or (None,)
        return value
