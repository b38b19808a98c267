"""What is sent again, and what is not: in a queue that no worker takes from."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.support.celery_workers import RedisServer
from tests.support.racing import at_once
from token_rotation.operations.execution.run import run_asynchronous
from token_rotation.operations.execution.take import take
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.watching.resend import resend

QUEUE = "nobody-takes-from-it"
OTHERS = "the messages of other work"

operations = BatchOperation.objects


@pytest.fixture(autouse=True)
def _due_at_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OPERATIONS_RESEND_SECONDS = 0
    settings.OPERATIONS_QUEUE_DEFAULT = QUEUE
    module = "token_rotation.operations.watching.resend"
    monkeypatch.setattr(f"{module}.CONFIRMED_AFTER_SECONDS", 0)


@pytest.fixture
def queue(broker: RedisServer, transactional_db: None, groups: None) -> Iterator["Queue"]:
    queue = Queue(broker)
    yield queue
    queue.flush()


@pytest.fixture
def send(queue: "Queue", tmp_path: Path) -> Callable[..., list[BatchOperation]]:
    """send(number) creates operations whose messages are in the queue."""

    def send(number: int, **options: Any) -> list[BatchOperation]:
        return [
            run_asynchronous("one step", directory=str(tmp_path), **options) for _ in range(number)
        ]

    return send


class Queue:
    """The lists of the queue's priorities."""

    def __init__(self, broker: RedisServer) -> None:
        self._client = broker.client

    def __len__(self) -> int:
        return sum(int(self._client.llen(key)) for key in self._keys())

    def flush(self) -> None:
        for key in self._keys():
            self._client.delete(key)

    def add_of_others(self, number: int) -> None:
        self._client.lpush(QUEUE, *[OTHERS] * number)

    def _keys(self) -> list[bytes]:
        return list(self._client.keys(f"{QUEUE}*"))


def test_a_slow_queue_gets_no_message_twice(
    queue: Queue, send: Callable[..., list[BatchOperation]]
) -> None:
    send(5)

    assert [resend().said for _ in range(3)] == [[], [], []]

    assert len(queue) == 5


def test_a_flushed_queue_is_filled_once(
    queue: Queue, send: Callable[..., list[BatchOperation]]
) -> None:
    sent = send(5)
    queue.flush()

    assert resend().said == [str(operation) for operation in sent]
    assert resend().said == []

    assert len(queue) == 5
    assert set(operations.values_list("sent_again", flat=True)) == {1}


def test_of_ten_that_look_at_once_one_sends_each(
    queue: Queue, send: Callable[..., list[BatchOperation]], settings: Any
) -> None:
    send(5)
    queue.flush()
    settings.OPERATIONS_RESEND_SECONDS = 60  # from now on

    answers = at_once(10, lambda _: resend().said)

    assert len([line for answer in answers for line in answer]) == len(queue) == 5


def test_among_other_work_what_is_overtaken_is_sent_again_once(
    queue: Queue, send: Callable[..., list[BatchOperation]]
) -> None:
    *lost, last = send(3)
    queue.flush()
    queue.add_of_others(20)
    assert resend().said == []

    take(last.pk, "a worker")

    assert resend().said == [str(operation) for operation in lost]
    assert resend().said == []
    assert len(queue) == 22


def test_what_waits_for_its_countdown_is_not_sent_before(
    queue: Queue, send: Callable[..., list[BatchOperation]]
) -> None:
    send(1, countdown=60)
    queue.flush()

    assert resend().said == []


def test_a_retry_whose_message_was_lost_is_sent_again_after_its_pause(
    queue: Queue, send: Callable[..., list[BatchOperation]]
) -> None:
    for operation, pause in zip(send(2), (0, 60), strict=True):
        take(operation.pk, "a worker", retry_within_seconds=pause).hand_back()
    queue.flush()

    assert resend().said == [str(operations.earliest())]


def test_a_dead_worker_is_replaced_by_one_message(
    queue: Queue, send: Callable[..., list[BatchOperation]]
) -> None:
    (operation,) = send(1)
    take(operation.pk, "a dead worker")
    operations.update(heartbeat_at=Now() - timedelta(days=1))
    queue.flush()

    assert resend().said == [str(operation)]
    assert resend().said == []

    assert len(queue) == 1


def test_while_the_broker_is_away_nothing_counts_as_sent(
    queue: Queue, send: Callable[..., list[BatchOperation]], settings: Any
) -> None:
    send(1)
    queue.flush()
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"

    (line,) = resend().said

    assert line.startswith("the rest could not be: the Celery broker redis://127.0.0.1:1/0 cannot")
    assert operations.get().sent_again == 0


def test_what_was_sent_through_a_queue_of_its_own_is_sent_through_it_again(
    queue: Queue, send: Callable[..., list[BatchOperation]], settings: Any
) -> None:
    settings.OPERATIONS_QUEUES = {"reports": QUEUE}
    settings.OPERATIONS_QUEUE_DEFAULT = "another"
    sent = send(2, route="reports")
    queue.flush()

    assert resend().said == [str(operation) for operation in sent]
    assert resend().said == []

    assert len(queue) == 2
