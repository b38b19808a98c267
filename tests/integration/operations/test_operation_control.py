"""Word for running operations, and what they say of themselves."""

from typing import Any

import pytest
from django.db import connection

from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db

operations = BatchOperation.objects


def running() -> BatchOperation:
    return operations.create_synchronous("mail")


def stored(operation: BatchOperation, field: str) -> Any:
    return operations.values_list(field, flat=True).get(pk=operation.pk)


def pass_seconds(operation: BatchOperation, seconds: float) -> None:
    """Move the last sample back, as if it had been taken so long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE token_rotation_operation SET heartbeat_at = heartbeat_at - %s * interval '1 s',"
            " recent_progress = jsonb_set(recent_progress, '{-1,0}',"
            " to_jsonb((recent_progress->-1->>0)::numeric - %s)) WHERE id = %s",
            [seconds, seconds, operation.pk],
        )


def test_word_left_for_a_running_operation_comes_with_its_next_beat() -> None:
    operation = running()
    asking = operations.get(pk=operation.pk)
    operation.beat(1)
    assert operation.control_data is None
    asking.control({"speed": "slow"})
    asking.control({"speed": "slower"})
    operation.beat(2)
    assert operation.control_data == {"speed": "slower"}


def test_no_word_is_left_for_an_operation_that_does_not_run() -> None:
    waiting = operations.create_asynchronous("mail")
    ended = running()
    ended.finish()
    for operation in (waiting, ended):
        with pytest.raises(NotRunningError):
            operation.control({"speed": "slow"})
        assert stored(operation, "control_data") is None


def test_what_it_says_of_itself_is_kept_until_it_says_something_else() -> None:
    operation = running()
    operation.beat(1, live={"waiting_for": "Godot"})
    operation.beat(2)
    assert stored(operation, "live_data") == {"waiting_for": "Godot"}
    operation.beat(3, live={"waiting_for": None})
    assert stored(operation, "live_data") == {"waiting_for": None}


def test_samples_begin_at_the_start_and_come_every_five_seconds() -> None:
    operation = running()
    started_at = operation.started_at.timestamp()
    for done in (10, 20, 30):
        operation.beat(done)
    (first,) = stored(operation, "recent_progress")
    assert first == [pytest.approx(started_at, abs=0.1), 0]
    pass_seconds(operation, 2)
    operation.beat(40)
    assert len(stored(operation, "recent_progress")) == 1
    pass_seconds(operation, 4)
    operation.beat(50)
    operation.beat(60)
    _, (at, done) = stored(operation, "recent_progress")
    assert done == 50
    assert at == pytest.approx(operation.heartbeat_at.timestamp(), abs=1)


def test_a_beat_without_figures_samples_those_that_are_stored() -> None:
    operation = running()
    operation.beat(7)
    pass_seconds(operation, 6)
    operation.beat()
    assert stored(operation, "recent_progress")[-1][1] == 7


def test_120_samples_are_kept_and_the_oldest_go() -> None:
    operation = running()
    for done in range(130):
        operation.beat(done)
        pass_seconds(operation, 5.2)
    samples = stored(operation, "recent_progress")
    assert len(samples) == 120
    assert [done for _, done in samples[-3:]] == [127, 128, 129]


def test_after_a_clock_was_set_back_samples_go_on() -> None:
    operation = running()
    operation.beat(1)
    pass_seconds(operation, -3600)
    operation.beat(2)
    assert [done for _, done in stored(operation, "recent_progress")] == [0, 2]
