"""Asks a server of its own for processes; see ``tests.support.forking.server``."""

import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen, TimeoutExpired
from threading import Lock, Thread
from typing import TextIO
from urllib.parse import urlsplit

from tests.support.forking import PROJECT, REQUEST_BYTES

SETTINGS = "DJANGO_SETTINGS_MODULE"


class ForkServer:
    """Starts with the first command, whose environment, wrong or not, is that command's alone.

    Each command imports by itself the modules whose names begin with one of ``imported_anew``.
    """

    def __init__(self, *imported_anew: str) -> None:
        self._imported_anew = imported_anew
        self._directory: Path | None = None
        self._process: Popen[str] | None = None
        self._lock = Lock()
        self._environment: Mapping[str, str] | None = None
        """The server's own; None: that of this process."""

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout: float,
        directory: Path = PROJECT,
        stdout: int | None = None,
    ) -> CompletedProcess[str]:
        """As ``subprocess.run`` of Python with these words. ``stdout`` is an open file, or None.

        Raises TimeoutExpired when it has killed it.
        """
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            self._connection() as connection,
        ):
            files = [out.fileno() if stdout is None else stdout, err.fileno()]
            pid = _begun(connection, words, environment, directory, files)
            connection.settimeout(timeout)
            try:
                code = int(connection.recv(REQUEST_BYTES))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise TimeoutExpired(list(words), timeout) from None
            out.seek(0)
            err.seek(0)
            return CompletedProcess(list(words), code, out.read(), err.read())

    def start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        directory: Path = PROJECT,
        *,
        typed: bool = False,
    ) -> "ForkedProcess":
        """As ``Popen`` of Python with these words; its output in pipes, and what is typed."""
        return ForkedProcess(
            self._connection(), words, environment, directory=directory, typed=typed
        )

    def start_session(
        self, words: Sequence[str], environment: Mapping[str, str], *logs: TextIO
    ) -> "ForkedProcess":
        """The same in a session of its own, with stdout and stderr in two files, or in one."""
        return ForkedProcess(self._connection(), words, environment, logs)

    def end(self) -> None:
        """The next command would start it again."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    def _connection(self) -> socket.socket:
        path = self._started()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(path)
        return connection

    def _started(self) -> str:
        """The path of its socket."""
        with self._lock:
            if self._directory is None:
                self._directory = Path(tempfile.mkdtemp())
            path = str(self._directory / "socket")
            if self._process is None:
                module = "tests.support.forking.server"
                process = Popen(
                    [sys.executable, "-m", module, path, *self._imported_anew],
                    cwd=PROJECT,
                    env=self._environment,
                    stdin=PIPE,
                    stdout=PIPE,
                    text=True,
                )
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n", "the fork server did not start"
                self._process = process
            return path


class ReadyServer(ForkServer):
    """Has done ``django.setup()``, which takes a command longer than most of what it does.

    It serves commands whose environment is that of the first, up to the name of the database.
    """

    def serves(self, environment: Mapping[str, str]) -> bool:
        try:
            others = _without_name(environment)
        except ValueError:  # the URL is malformed
            return False
        if self._environment is None:
            self._environment = dict(environment)
        return others == _without_name(self._environment)


class SiteServers:
    """For manage.py. Commands with more variables than usual do their ``django.setup()``, too."""

    def __init__(self) -> None:
        self._ready: dict[str | None, ReadyServer] = {}
        self.others = ForkServer("tickets.config", "tests")

    def serving(
        self, environment: Mapping[str, str], more: Mapping[str, str] | None = None
    ) -> ForkServer:
        """The server for a command; ``more`` are the variables that only some commands have."""
        if not set(more or ()) <= {SETTINGS}:
            return self.others
        ready = self._ready.setdefault(environment.get(SETTINGS), ReadyServer())
        return ready if ready.serves(environment) else self.others

    def end(self) -> None:
        for server in (*self._ready.values(), self.others):
            server.end()


OF_THE_SITE = SiteServers()

OF_OTHERS = ForkServer("tickets", "migrations", "tests")
"""For other projects, which import by themselves what needs their settings."""

OF_RELEASES = ForkServer("tickets", "token_rotation", "migrations", "tests")
"""For projects with another release of the library than this one."""


class ForkedProcess(Popen[str]):
    """A process of the fork server's, with the interface of one that was started here."""

    _child_created = False  # it is nobody's here to wait for

    def __init__(
        self,
        connection: socket.socket,
        words: Sequence[str],
        environment: Mapping[str, str],
        logs: Sequence[TextIO] = (),
        *,
        directory: Path = PROJECT,
        typed: bool = False,
    ) -> None:
        self.args = list(words)
        self.returncode = None
        self.stdin = self.stdout = self.stderr = None
        if not logs:
            (out, said), (err, told) = os.pipe(), os.pipe()
            self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        else:
            said, told = os.dup(logs[0].fileno()), os.dup(logs[-1].fileno())
        files = [said, told]
        if typed:
            heard, typing = os.pipe()
            self.stdin = os.fdopen(typing, "w")
            files.append(heard)
        self.pid = _begun(connection, words, environment, directory, files, session=bool(logs))
        for file in files:
            os.close(file)
        self._connection = connection
        self._readers: list[Thread] = []
        self._read = ["", ""]

    def poll(self) -> int | None:
        with suppress(TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = int(self._connection.recv(REQUEST_BYTES))
            self._connection.close()
        return self.returncode

    def communicate(
        self,
        input: str | None = None,  # noqa: A002  (the name that Popen has)
        timeout: float | None = None,
    ) -> tuple[str, str]:
        if self.stdin is not None and not self.stdin.closed:
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(input or "")
        else:
            assert input is None, "its stdin is /dev/null"
        ends_at = None if timeout is None else time.monotonic() + timeout
        if not self._readers:
            self._readers = [
                Thread(target=self._read_all, args=each, daemon=True)
                for each in enumerate((self.stdout, self.stderr))
            ]
            for reader in self._readers:
                reader.start()
        for reader in self._readers:
            reader.join(None if ends_at is None else max(0.0, ends_at - time.monotonic()))
            if reader.is_alive():
                raise TimeoutExpired(self.args, timeout or 0.0)
        self.wait(None if ends_at is None else max(0.0, ends_at - time.monotonic()))
        return self._read[0], self._read[1]

    def _read_all(self, place: int, file: TextIO) -> None:
        with file:
            self._read[place] = file.read()


def _begun(
    connection: socket.socket,
    words: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    files: Sequence[int],
    *,
    session: bool = False,
) -> int:
    """The process id of the command that the server has forked."""
    request = json.dumps([words, environment, str(directory), session]).encode()
    assert len(request) <= REQUEST_BYTES
    socket.send_fds(connection, [request], files)
    return int(connection.recv(REQUEST_BYTES))


def _without_name(environment: Mapping[str, str]) -> dict[str, str]:
    """All that the site's settings may depend on but the name of the database."""
    url = urlsplit(environment["DATABASE_URL"])
    others = {**environment, "DATABASE_URL": url._replace(path="").geturl()}
    others.pop("PYTEST_CURRENT_TEST", None)
    return others
