"""Connections of the benchmark's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (it is the class)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection in autocommit mode, closed at the end."""
    connection = psycopg2.connect(url, application_name="benchmark")
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()
