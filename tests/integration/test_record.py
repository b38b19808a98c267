"""The record of a run is kept beside the batches, at little cost to them."""

from django.db import connections
from django.test.utils import CaptureQueriesContext

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
