"""A batch that had to wait teaches the next ones to pass locked rows over from the start."""

from typing import Any

import pytest

from tests.support.batches import batch_runner
from tests.support.leaked import assert_each_token_changed_once, leak
from tests.support.sent_statements import note_sent_statements, sent_statements
from token_rotation.engine.batches import range_update
from token_rotation.engine.batches.batch import BATCHES_WITHOUT_A_WAIT
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target


def test_after_a_batch_that_waited_too_long_the_next_ones_do_not_wait_for_a_while(
    tickets: Any, other: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, 30)
    note_sent_statements(tickets)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 1 FOR UPDATE")
    connection = Connection(target.database)
    runner = batch_runner(connection, target, lock_timeout_ms=60_000)

    def passes_locked_rows_over(row: int) -> bool:
        tickets.cursor().execute("TRUNCATE sent")
        assert runner.rotate(KeyRange(row - 1, row)).rotated_rows == 1
        return "SKIP LOCKED" in sent_statements(tickets)

    assert not passes_locked_rows_over(2)
    monkeypatch.setattr(range_update, "UPDATE_RANGE_AT_MOST_MS", 50)
    assert runner.rotate(KeyRange(0, 1)).skipped_rows == 1
    monkeypatch.setattr(range_update, "UPDATE_RANGE_AT_MOST_MS", 60_000)
    last = 2 + BATCHES_WITHOUT_A_WAIT
    assert [passes_locked_rows_over(row) for row in range(3, last + 1)] == (
        [True] * BATCHES_WITHOUT_A_WAIT
    )
    assert not passes_locked_rows_over(last + 1)
    other.rollback()
    runner.rotate(KeyRange())
    connection.close()
    assert_each_token_changed_once(tickets)
