"""The server's postmaster.pid: its main process and its status."""

from pathlib import Path

import psutil


class PostmasterFile:
    """postmaster.pid in a data directory, which a crash leaves behind."""

    def __init__(self, data_directory: Path) -> None:
        self._data_directory = data_directory
        self._path = data_directory / "postmaster.pid"

    def server_pid(self) -> int | None:
        """Return the process id of the running server.

        Return None if the file is stale or missing.
        """
        pid = self._recorded_pid()
        if pid is None:
            return None
        try:
            # Another program may have the number now; a zombie has no command line.
            is_server = str(self._data_directory) in psutil.Process(pid).cmdline()
        except psutil.AccessDenied:
            is_server = True  # unknown: waiting for it is safer than starting a second server
        except psutil.Error:
            is_server = False
        return pid if is_server else None

    def says_ready(self) -> bool:
        """Return True if the server says that it is ready.

        Ready means running, and neither starting nor stopping.
        """
        try:
            status = self._path.read_text().split("\n")[7:8]
        except FileNotFoundError:
            return False
        return [line.strip() for line in status] == ["ready"] and self.server_pid() is not None

    def remove_misleading_lock_files(self, socket_directory: Path, port: int) -> None:
        """Remove a dead server's lock files if they mislead PostgreSQL.

        They mislead if another process, or its zombie, has the dead server's number. PostgreSQL
        would take that process for the server. It notices by itself if no process has the number.
        It finds processes that a dead server left through their shared memory.
        """
        pid = self._recorded_pid()
        if pid is not None and psutil.pid_exists(pid) and self.server_pid() is None:
            self._path.unlink(missing_ok=True)
            for leftover in socket_directory.glob(f".s.PGSQL.{port}*"):
                leftover.unlink(missing_ok=True)

    def _recorded_pid(self) -> int | None:
        try:
            return int(self._path.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
