"""The processor time of a rotation in this process, and of its server on this machine."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
from django.db import connection


class ProcessorTime:
    """Counts from here on what this process uses, and what the server's sessions use.

    All sessions are meant to be this process's own, and its VACUUM's.
    """

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            (directory,) = cursor.fetchone()
        connection.close()
        words = (Path(directory) / "postmaster.pid").read_text().split()
        self._server = psutil.Process(int(words[0]))
        self._open_before = {child.pid for child in self._server.children()}
        self._ended_before = _seconds_of_ended(self._server)
        self._own_before = _seconds_of(psutil.Process())

    def own_seconds(self) -> float:
        return _seconds_of(psutil.Process()) - self._own_before

    def server_seconds(self) -> float:
        """Return what sessions have used, the checkpointer and its like not among them."""
        ended = _seconds_of_ended(self._server) - self._ended_before
        new = [each for each in self._server.children() if each.pid not in self._open_before]
        return ended + sum(map(_seconds_of, new))

    @staticmethod
    def thread_seconds(thread: Thread) -> float:
        """Return what a thread of this process has used, 0 where it runs no more."""
        return _precise_seconds_of(Path(f"/proc/{os.getpid()}/task/{thread.native_id}"))

    @staticmethod
    def session_seconds(session: Any) -> float:
        """Return what the server's process behind a connection of the driver has used."""
        return _precise_seconds_of(Path(f"/proc/{session.info.backend_pid}"))


def _seconds_of(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return used.user + used.system


def _precise_seconds_of(entry: Path) -> float:
    """Read Linux's own sum of what runs for a thousandth of a second at a time, 0 where it ended.

    Ticks of a hundredth, which `psutil` reads, count such a run as none or as ten.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        nanoseconds, *_ = (entry / "schedstat").read_text().split()
        return int(nanoseconds) / 1e9
    return 0.0


def _seconds_of_ended(server: psutil.Process) -> float:
    used = server.cpu_times()
    return used.children_user + used.children_system
