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

from tests.support.forking import PROJECT, REQUEST_BYTES


class ForkServer:
    """Starts with the first command, whose environment, wrong or not, is that command's alone.

    Each command imports by itself the modules whose names begin with one of ``imported_anew``.
    """

    def __init__(self, *imported_anew: str) -> None:
        self._imported_anew = imported_anew
        self._directory: Path | None = None
        self._process: Popen[str] | None = None
        self._lock = Lock()

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout: float,
        directory: Path = PROJECT,
    ) -> CompletedProcess[str]:
        """As ``subprocess.run`` of Python with these words.

        Raises TimeoutExpired when it has killed it.
        """
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            self._connection() as connection,
        ):
            files = [out.fileno(), err.fileno()]
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

    def start(self, words: Sequence[str], environment: Mapping[str, str]) -> "ForkedProcess":
        """As ``Popen`` of Python with these words, in the project, with its output in pipes."""
        return ForkedProcess(self._connection(), words, environment)

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
                    stdin=PIPE,
                    stdout=PIPE,
                    text=True,
                )
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n", "the fork server did not start"
                self._process = process
            return path


OF_THE_SITE = ForkServer("tickets.config", "tests")
"""For manage.py."""

OF_OTHERS = ForkServer("tickets", "token_rotation", "migrations", "tests")
"""For other projects. What a module of ours does when it is imported is theirs to find out."""


class ForkedProcess(Popen[str]):
    """A process of the fork server's, with the interface of one that was started here."""

    _child_created = False  # it is nobody's here to wait for

    def __init__(
        self, connection: socket.socket, words: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        (out, said), (err, told) = os.pipe(), os.pipe()
        self.args = list(words)
        self.pid = _begun(connection, words, environment, PROJECT, [said, told])
        os.close(said)
        os.close(told)
        self.returncode = None
        self.stdin, self.stdout, self.stderr = None, os.fdopen(out), os.fdopen(err)
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
) -> int:
    """The process id of the command that the server has forked."""
    request = json.dumps([words, environment, str(directory)]).encode()
    assert len(request) <= REQUEST_BYTES
    socket.send_fds(connection, [request], files)
    return int(connection.recv(REQUEST_BYTES))
