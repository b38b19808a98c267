"""An empty database for each case, on a server of this run's own or on one that is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from urllib.parse import urlsplit

from benchmark.processes.connection import connected, one_value
from benchmark.processes.server import temporary_server

_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class Databases:
    """Makes databases on the server of this URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def server_version(self) -> str:
        """Such as 18.1."""
        return str(one_value(self._url, "SHOW server_version")).split()[0]

    @contextmanager
    def empty(self) -> Iterator[str]:
        """URL of a new database, dropped at the end."""
        name = f"adoption_{token_hex(4)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(self._url)._replace(path=f"/{name}").geturl()
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with connected(self._url) as connection, connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def databases() -> Iterator[Databases]:
    """Use the server of DATABASE_URL, or else start one."""
    if url := os.environ.get("DATABASE_URL"):
        yield Databases(url)
        return
    with temporary_server(_SETTINGS) as cluster:
        yield Databases(cluster.url())
