"""Databases for tests: cloned from templates that are migrated once."""

import os
import shutil
import tempfile
import uuid
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.support import driver
from tests.support.driver import sql
from tests.support.manage import Manage

FILES_IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 * 1024**3
SESSION_LOST = (None, "57P01", "57P02")
"""SQLSTATE: none, admin_shutdown, crash_shutdown."""
"""A test may have ended every session of the server, or the server."""


def unique_name(purpose: str) -> str:
    """Return a database name that no other run uses."""
    return f"tickets_test_{purpose}_{uuid.uuid4().hex[:12]}"


def make_server_directory() -> Path:
    """Return a new directory that a server running as another account can reach.

    pytest closes its own temporary directories to other accounts whenever a run starts. It is in
    memory where there is plenty: a clone, of a thousand files, costs a fifth there.
    """
    parent = FILES_IN_MEMORY if _memory_has_room() else None
    directory = Path(tempfile.mkdtemp(prefix="tickets-tests-", dir=parent))
    directory.chmod(0o755)
    return directory


def _memory_has_room() -> bool:
    if not os.access(FILES_IN_MEMORY, os.W_OK):
        return False
    free = shutil.disk_usage(FILES_IN_MEMORY).free
    return min(free, psutil.virtual_memory().available) >= ROOM_BYTES


class DatabaseFactory:
    """Creates databases on the server of `server_url`, migrated to a state of app "tickets"."""

    def __init__(self, server_url: str, manage: Manage) -> None:
        self._server_url = server_url
        self._manage = manage
        self._templates: dict[str, str] = {}
        self._session: Any = None

    def create(self, migrated_to: str) -> str:
        name = unique_name("clone")
        template = self.template(migrated_to)
        self._execute(f"CREATE DATABASE {{}} TEMPLATE {{}} {self._strategy}", name, template)
        return self._url(name)

    def template(self, migrated_to: str) -> str:
        """The name of the database that is cloned, and that nobody may be connected to then."""
        if migrated_to not in self._templates:
            self._templates[migrated_to] = self._make_template(migrated_to)
        return _name(self._templates[migrated_to])

    def drop(self, url: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", _name(url))

    def drop_all(self) -> None:
        for url in self._templates.values():
            self.drop(url)
        if self._session is not None:
            self._session.close()

    @cached_property
    def _strategy(self) -> str:
        """PostgreSQL 15 writes a whole copy to the WAL if not told otherwise; 14 never does."""
        version: int = self._connected().info.server_version
        return "STRATEGY FILE_COPY" if version >= 150000 else ""

    def _make_template(self, migrated_to: str) -> str:
        name = unique_name("template")
        self._execute("CREATE DATABASE {}", name)
        url = self._url(name)
        if migrated_to == "latest":
            self._migrate(url)
        elif migrated_to != "zero":
            self._migrate(url, "tickets", migrated_to)
        return url

    def _migrate(self, url: str, *target: str) -> None:
        result = self._manage("migrate", *target, database_url=url)
        assert result.returncode == 0, result.stderr

    def _execute(self, statement: str, *names: str) -> None:
        query = sql.SQL(statement).format(*map(sql.Identifier, names))
        try:
            self._connected().cursor().execute(query)
        except driver.Error as error:
            if driver.sqlstate_of(error) not in SESSION_LOST:
                raise
            self._session.close()
            self._connected().cursor().execute(query)

    def _connected(self) -> Any:
        """A session that stays open: to begin one costs as much as to drop a database."""
        if self._session is None or self._session.closed:
            self._session = driver.connect(self._server_url)
            self._session.autocommit = True
        return self._session

    def _url(self, name: str) -> str:
        parts = urlsplit(self._server_url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{name}{query}"


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")
