"""The ticket site of one demo: its commands, and a connection to its database."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2

from demonstration.output import chapter, fail, show
from demonstration.sql import OTHER_CLIENTS
from demonstration.var_directory import PROJECT
from tickets.config.embedded import DATABASE_NAME
from tickets.config.embedded.cluster import PostgresCluster
from tickets.config.embedded.lease import ensure_server


class Site:
    """Uses the server in `var_directory`, which is started on first use, and no other."""

    def __init__(self, var_directory: Path) -> None:
        self.directory = var_directory
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name != "DATABASE_URL" and not name.startswith(("DJANGO_", "PG"))
        }
        self.env = {**inherited, "TICKETS_VAR_DIR": str(var_directory)}
        self._connection: Any = None

    def leak(self, tickets: int) -> None:
        """Chapter 1: make tickets as the old application left them."""
        chapter(1, "the old application, whose tokens have leaked")
        ensure_server(self._postgres)  # for the whole demo, not once for every command
        self.manage("migrate", "tickets", "0001", "--verbosity", "0")
        self.manage("seed_tickets", "--size", str(tickets))

    def migrate(self) -> None:
        """Chapter 2: deploy the new release."""
        chapter(2, "the new release: column, triggers, index")
        self.manage("migrate", "--verbosity", "0")

    def manage(
        self, *command: str, env: Mapping[str, str] | None = None, typed: str | None = None
    ) -> None:
        """Show a command and run it in the demo's directory. Ends the demo if it fails.

        `typed` is its standard input, which is not shown.
        """
        show(command)
        code = subprocess.run(
            command_line(command),
            env={**self.env, **(env or {})},
            cwd=self.directory,
            input=typed,
            text=True,
            check=False,
        ).returncode
        if code != 0:
            fail(f"manage.py {command[0]} ended with exit code {code}")

    def start(self, *command: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Start a command, and show nothing."""
        return subprocess.Popen(command_line(command), env=self.env, cwd=PROJECT, **options)

    def connect(self) -> Any:
        url = PostgresCluster(self._postgres).url(DATABASE_NAME)
        connection = psycopg2.connect(url, application_name="demo")
        connection.autocommit = True
        return connection

    def execute(self, statement: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(statement)

    def value(self, query: str) -> int:
        (value,) = self.column(query)
        return int(value)

    def column(self, query: str) -> list[Any]:
        with self._cursor() as cursor:
            cursor.execute(query)
            return [value for (value,) in cursor]

    def has_other_clients(self) -> bool:
        """Tell whether another program is connected to the database."""
        return bool(self.value(OTHER_CLIENTS))

    @property
    def _postgres(self) -> Path:
        return self.directory / "postgres"

    def _cursor(self) -> Any:
        if self._connection is None:
            self._connection = self.connect()
        return self._connection.cursor()


def command_line(command: Sequence[str]) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *command]
