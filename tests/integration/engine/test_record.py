"""The record of a run is kept beside the batches, at little cost to them."""

from django.db import connections
from django.test.utils import CaptureQueriesContext

from token_rotation.engine.result import Outcome, Result
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.postgres.statements import WITHOUT_A_FLUSH
from token_rotation.run.recording.record import Record
from token_rotation.selection.target import Target


def test_how_far_a_run_came_is_written_without_a_wait_for_the_disk(target: Target) -> None:
    record = Record(target)
    assert record.begin(RotationOptions(), 10) is None
    with CaptureQueriesContext(connections[target.database]) as sent:
        assert not record.beat(5)
    assert any(WITHOUT_A_FLUSH in query["sql"] for query in sent.captured_queries)
    record.close()


def test_a_run_whose_record_could_not_be_begun_leaves_one_at_its_end(target: Target) -> None:
    record = Record(target)
    with connections[target.database].cursor() as cursor:
        cursor.execute("ALTER TABLE token_rotation_operation RENAME TO elsewhere")
    reason = record.begin(RotationOptions(), 10)
    assert not record.beat(1)
    with connections[target.database].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO token_rotation_operation")

    record.end(Result(Outcome.COMPLETE, rotated_rows=10))

    operation = BatchOperation.objects.using(target.database).get()
    assert "42P01" in str(reason)
    assert (operation.result, operation.progress_done) == ("successful", 10)


def test_a_record_that_somebody_ended_is_not_begun_again(target: Target) -> None:
    record = Record(target)
    record.begin(RotationOptions(), 10)
    BatchOperation.objects.using(target.database).get().finish()

    for _ in range(3):
        record.beat(5)
    record.end(Result(Outcome.COMPLETE, rotated_rows=10))

    assert BatchOperation.objects.using(target.database).get().progress_done == 0
