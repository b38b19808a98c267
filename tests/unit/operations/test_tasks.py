"""How the project's Celery application and its tasks are set up."""

import pytest
from celery.utils.time import get_exponential_backoff_interval
from django.conf import settings

from tickets.config.celery import app
from token_rotation.operations.tasks import run_operation, watch_operations


def test_tasks_are_acknowledged_late_and_delivered_again_when_their_worker_is_lost() -> None:
    for task in (run_operation, watch_operations):
        assert task.acks_late
        assert task.reject_on_worker_lost


def test_the_pauses_between_retries_grow_to_a_maximum_and_are_random() -> None:
    pauses = [
        {
            get_exponential_backoff_interval(
                factor=run_operation.retry_backoff,
                retries=retries,
                maximum=run_operation.retry_backoff_max,
                full_jitter=run_operation.retry_jitter,
            )
            for _ in range(5_000)
        }
        for retries in (0, 2, 20)
    ]

    assert [max(each) for each in pauses] == [2, 8, run_operation.retry_backoff_max]
    assert all(min(each) == 0 and len(each) > 2 for each in pauses)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_serializer", "json"),
        ("accept_content", ["json"]),
        ("result_backend", None),
        ("worker_prefetch_multiplier", 1),
        ("worker_cancel_long_running_tasks_on_connection_loss", False),
    ],
)
def test_the_application_has_the_settings_that_the_promises_need(name: str, value: object) -> None:
    assert app.conf[name] == value


def test_the_watch_is_on_the_schedule_and_does_not_pile_up() -> None:
    (entry,) = settings.CELERY_BEAT_SCHEDULE.values()

    assert entry["task"] == watch_operations.name
    assert entry["options"]["expires"] <= entry["schedule"]
    assert entry["options"]["queue"] in settings.CELERY_TASK_QUEUES
