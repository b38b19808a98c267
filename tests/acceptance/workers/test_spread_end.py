"""The end of a round: begun once, however many see it, and begun by somebody when nobody does."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest
from django.db import connection

from tests.celery_workers import Worker
from tests.leaked import CLEAR, assert_each_token_changed_once, leak
from tests.racing import at_once
from tickets.batch.lifecycle import Result
from tickets.batch.models import BatchOperation
from tickets.batch.watch import watch
from tickets.rotation.options import RotationOptions
from tickets.rotation.spread.family import END_OF_ROUND, ranges_of
from tickets.rotation.spread.settle import settle

Finished = Callable[[BatchOperation], BatchOperation]

ROWS = 500


@pytest.fixture
def forgotten(worker: Worker) -> Iterator[BatchOperation]:
    """A rotation with rows pending, of whose round no range is left and nobody knows."""
    leak(connection, ROWS)
    yield BatchOperation.objects.create_synchronous(
        "rotation",
        input_data={
            "model": "tickets.Ticket",
            "database": "default",
            "options": asdict(RotationOptions(batch_rows=50)),
            "spread": True,
        },
        progress_total=ROWS,
    )
    with connection.cursor() as cursor:
        cursor.execute(CLEAR)


def test_of_ten_ends_of_one_round_one_begins_the_next(
    forgotten: BatchOperation, finished: Finished
) -> None:
    at_once(10, lambda _: settle(BatchOperation.objects.get(pk=forgotten.pk), 0))

    rotation = finished(forgotten)
    assert [part.input_data["round"] for part in ranges_of(rotation)] == [1]
    assert rotation.output_data["rotated_rows"] == ROWS
    assert_each_token_changed_once(connection)


def test_the_periodic_task_ends_a_round_whose_end_nobody_noticed(
    forgotten: BatchOperation, finished: Finished
) -> None:
    watch()
    watch()

    rotation = finished(forgotten)
    assert (rotation.result, rotation.output_data["outcome"]) == (Result.SUCCESSFUL, "complete")
    ends = BatchOperation.objects.of_type(END_OF_ROUND).for_context(rotation)
    assert sorted(end.input_data["round"] for end in ends) == [0, 1]
    assert_each_token_changed_once(connection)
