"""Asks a server of its own for processes; see ``tests.support.forking.server``."""

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen, TimeoutExpired
from threading import Lock

from tests.support.forking import PROJECT, REQUEST_BYTES


class ForkServer:
    """Starts with the first command, whose environment, wrong or not, is that command's alone."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp())
        self._path = str(self._directory / "socket")
        self._process: Popen[str] | None = None
        self._lock = Lock()

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], timeout: float
    ) -> CompletedProcess[str]:
        """As ``subprocess.run`` of manage.py. Raises TimeoutExpired when it has killed it."""
        self._start()
        request = json.dumps([words, environment]).encode()
        assert len(request) <= REQUEST_BYTES
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection,
        ):
            connection.connect(self._path)
            socket.send_fds(connection, [request], [out.fileno(), err.fileno()])
            pid = int(connection.recv(REQUEST_BYTES))
            connection.settimeout(timeout)
            try:
                code = int(connection.recv(REQUEST_BYTES))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise TimeoutExpired(list(words), timeout) from None
            out.seek(0)
            err.seek(0)
            return CompletedProcess(list(words), code, out.read(), err.read())

    def end(self) -> None:
        if self._process is not None:
            self._process.communicate()
        shutil.rmtree(self._directory)

    def _start(self) -> None:
        with self._lock:
            if self._process is None:
                process = Popen(
                    [sys.executable, "-m", "tests.support.forking.server", self._path],
                    cwd=PROJECT,
                    stdin=PIPE,
                    stdout=PIPE,
                    text=True,
                )
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n", "the fork server did not start"
                self._process = process
