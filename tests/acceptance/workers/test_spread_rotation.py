"""A rotation spread over real workers: what happens to them changes nothing in the end."""

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.celery_workers import RedisServer, Worker
from tests.databases import DatabaseFactory
from tests.leaked import assert_each_token_changed_once, leak, pending, value
from tests.manage import Manage
from tests.waiting import until
from tickets.batch.dispatch import RUN_OPERATION, WATCH_OPERATIONS
from tickets.config.celery import app

NUMBERS = count(2)  # databases of the broker; the first two are those of other tests

ROTATION = "SELECT {} FROM batch_batchoperation WHERE operation_type = 'rotation'"
RANGES = "SELECT {} FROM batch_batchoperation WHERE operation_type = 'rotation.range'"
AT_WORK = RANGES.format("count(*)") + " AND status = 'running' AND progress_done > 0"


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
        number = next(NUMBERS)
        self.broker_url = broker.url.removesuffix("/0") + f"/{number}"
        self.env = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": self.broker_url}
        self.database_url = database_url
        self.tickets = connection
        self._manage = manage
        self._make_worker = make_worker
        self._workers: list[Worker] = []

    def worker(self, concurrency: int = 1, **env: str) -> Worker:
        name = f"{self.broker_url[-1]}-{len(self._workers)}-of-spread"
        made = self._make_worker(name, {**self.env, **env}, concurrency=concurrency)
        self._workers.append(made)
        return made

    def rotate(self, *options: str) -> Any:
        return self._manage("rotate_tokens", *options, database_url=self.database_url, env=self.env)

    def start(self, *options: str) -> Any:
        return self._manage.start(
            "rotate_tokens", *options, database_url=self.database_url, env=self.env
        )

    def send(self, name: str, *args: int) -> None:
        with app.connection(self.broker_url) as connection:
            app.send_task(name, list(args), queue="batch-high", connection=connection)

    def rotation(self, columns: str) -> Any:
        return value(self.tickets, ROTATION.format(columns))

    def until_finished(self) -> dict[str, Any]:
        until(lambda: self.rotation("status") == "finished")
        output: dict[str, Any] = self.rotation("output_data::text::jsonb")
        return output

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()


@pytest.fixture
def site(
    database_url: str,
    broker: RedisServer,
    manage: Manage,
    make_worker: Callable[..., Worker],
    connect: Callable[[str], Any],
) -> Iterator[Site]:
    site = Site(database_url, broker, manage, make_worker, connect(database_url))
    yield site
    site.stop()


def test_200_000_rows_by_two_workers_one_of_them_killed(site: Site) -> None:
    """All processes of one worker at once, so that nobody tells the broker that it is gone."""
    leak(site.tickets, 200_000)
    survivor, doomed = site.worker(), site.worker()

    handed_out = site.rotate("--async", "--traffic-batch-rows", "0", "--batch-rows", "200")
    until(lambda: value(site.tickets, AT_WORK) == 2)
    doomed.kill()

    def is_over() -> bool:
        site.send(WATCH_OPERATIONS)  # as the scheduler does every minute
        return bool(site.rotation("status") == "finished")

    until(is_over, pause_seconds=1)
    assert handed_out.returncode == 3
    assert_each_token_changed_once(site.tickets)
    output = site.until_finished()
    assert (site.rotation("result"), output["outcome"]) == ("successful", "complete")
    assert (output["rotated_rows"], site.rotation("progress_done")) == (200_000, 200_000)
    assert output["losses"] == 1
