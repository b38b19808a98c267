"""The site as it is deployed, for one measurement."""

import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmark.errors import BenchmarkError
from benchmark.processes.environment import environment

START_SECONDS = STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class WebServer:
    """gunicorn on a free port of 127.0.0.1."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.port = port
        self._process = process

    def largest_worker_bytes(self) -> int:
        """Resident memory of the largest worker now."""
        return max(worker.memory_info().rss for worker in self._process.children())


@contextmanager
def serving(
    database_url: str,
    options: Sequence[str],
    *,
    directory: Path,
    settings: str = "tickets.config.settings",
    **variables: str,
) -> Iterator[WebServer]:
    """A server that accepts requests, with gunicorn's `options`; its log goes to `directory`.

    `variables` are more of its environment.
    """
    log = directory / f"gunicorn-{secrets.token_hex(4)}.log"
    command = ("-m", "gunicorn", "--config", "python:tickets.config.gunicorn")
    env = environment(
        DATABASE_URL=database_url,
        DJANGO_SETTINGS_MODULE=settings,
        DJANGO_SECRET_KEY=secrets.token_urlsafe(50),
        DJANGO_ALLOWED_HOSTS="127.0.0.1",
        DJANGO_SSL_REDIRECT="0",
        **variables,
    )
    with log.open("w") as said:
        process = subprocess.Popen(
            (sys.executable, *command, "--bind", "127.0.0.1:0", *options),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    try:
        yield WebServer(_port(process, log), psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """The port, when every worker can answer on it."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        text = log.read_text()
        listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", text)
        if listening and "Booting worker" in text:
            return int(listening[1])
        time.sleep(_LOOK_SECONDS)
    raise BenchmarkError(f"gunicorn did not start: {' | '.join(log.read_text().splitlines()[-3:])}")
