"""A database, a queue of its own in the broker, and workers of both."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import redis

from tests.support.celery_workers import RedisServer, Worker, forget_tasks, holds
from tests.support.leaked import CLEAR, value
from tests.support.manage import Manage
from tests.support.waiting import until
from tickets.config.celery import app
from token_rotation.operations.queue.celery_backend import WATCH_OPERATIONS

NUMBERS = count(2)  # databases of the broker; the first two are those of other tests

ROTATION = "SELECT {} FROM token_rotation_operation WHERE operation_type = 'rotation'"


def _at_once(options: Sequence[str]) -> tuple[str, ...]:
    """With regard to traffic a rotation takes several times as long where tests run beside it."""
    return ("--traffic-budget-ms", "0") if "--async" in options else ()


class Site:
    """A database, a queue, and workers of both."""

    def __init__(
        self,
        database_url: str,
        broker: RedisServer,
        manage: Manage,
        make_worker: Callable[..., Worker],
        connection: Any,
    ) -> None:
        self._number = number = next(NUMBERS)
        self.broker_url = broker.url.removesuffix("/0") + f"/{number}"
        self.env = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": self.broker_url}
        self.database_url = database_url
        self.tickets = connection
        self._manage = manage
        self._make_worker = make_worker
        self._workers: list[Worker] = []

    def worker(self, concurrency: int = 1, **env: str) -> Worker:
        name = f"{self._number}-{len(self._workers)}-of-rotation"
        made = self._make_worker(name, {**self.env, **env}, concurrency=concurrency)
        self._workers.append(made)
        return made

    def until_ready(self) -> None:
        for worker in self._workers:
            worker.until_ready()

    def rotate(self, *options: str, env: Mapping[str, str] | None = None) -> Any:
        return self._manage(
            "rotate_tokens",
            *options,
            *_at_once(options),
            database_url=self.database_url,
            env={**self.env, **(env or {})},
        )

    def start(self, *options: str) -> Any:
        return self._manage.start(
            "rotate_tokens",
            *options,
            *_at_once(options),
            database_url=self.database_url,
            env=self.env,
        )

    def run(self, program: str) -> Any:
        return self._manage(
            "shell", "--command", program, database_url=self.database_url, env=self.env
        )

    def send(self, name: str, *args: int) -> None:
        with app.connection(self.broker_url) as connection:
            app.send_task(name, list(args), queue="operations-high", connection=connection)

    def rotation(self, columns: str) -> Any:
        return value(self.tickets, ROTATION.format(columns))

    def until_finished(self) -> dict[str, Any]:
        until(lambda: self.rotation("status") == "finished", timeout_seconds=180, pause_seconds=0.1)
        output: dict[str, Any] = self.rotation("output_data")
        return output

    def is_over_when_watched(self) -> bool:
        """Whether the rotation has finished; the periodic task looks, as it does every minute."""
        self.send(WATCH_OPERATIONS)
        return bool(self.rotation("status") == "finished")

    def holds(self) -> int:
        """How many tasks the broker has for this site."""
        with redis.Redis.from_url(self.broker_url) as client:
            return holds(client)

    def log(self) -> str:
        return "".join(worker.log() for worker in self._workers)

    def mails_about(self, text: str) -> list[str]:
        """What the workers have mailed since the last ``forget``."""
        return [mail for worker in self._workers for mail in worker.mails_about(text)]

    def forget(self) -> None:
        """No tickets, records and tasks, for the next test."""
        self.tickets.cursor().execute(CLEAR)
        with redis.Redis.from_url(self.broker_url) as client:
            forget_tasks(client)
        for worker in self._workers:
            worker.forget_mails()

    def stop(self) -> None:
        self.tickets.close()
        for worker in self._workers:
            worker.kill()
