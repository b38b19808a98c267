"""An application that asks for rows again as fast as they are rotated."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.passes import recurrence
from token_rotation.engine.result import Outcome
from token_rotation.errors import UnyieldingRowsError
from token_rotation.events import BatchDone, Event

ASK_AGAIN = "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id <= %s"


def asking(tickets: Any, rows: int, times: float) -> Callable[[Event], None]:
    """Ask again for the first rows after each batch, so many times."""
    asked = 0

    def observe(event: Event) -> None:
        nonlocal asked
        if isinstance(event, BatchDone) and asked < times:
            asked += 1
            tickets.cursor().execute(ASK_AGAIN, [rows])

    return observe


@pytest.mark.parametrize("options", [{"batch_rows": 100}, {"batch_rows": 20}, {"workers": 2}])
def test_rows_that_are_asked_for_again_for_ever_end_the_run_with_an_error(
    tickets: Any, rotation: RotationFactory, options: dict[str, Any]
) -> None:
    leak(tickets, 100)
    with pytest.raises(UnyieldingRowsError, match="something sets token_rotated_at back to NULL"):
        rotation(asking(tickets, 5, float("inf")), **options).run()
    assert pending(tickets) == 5
    assert value(tickets, "SELECT count(DISTINCT ticket_id) FROM token_change") == 100


def test_a_whole_large_table_that_is_asked_for_again_is_not_rotated_twenty_times(
    tickets: Any, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recurrence, "MANY_ROWS", 200)
    leak(tickets, 100)
    engine = rotation(asking(tickets, 100, float("inf")), batch_rows=100)
    with pytest.raises(UnyieldingRowsError, match="after each of 3 passes"):
        engine.run()
    assert (
        value(
            tickets,
            "SELECT max(changes) FROM (SELECT count(*) AS changes FROM token_change"
            " GROUP BY ticket_id) AS each",
        )
        <= 5
    )


def test_rows_that_are_asked_for_again_some_times_are_rotated_again(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    result = rotation(asking(tickets, 5, 15), batch_rows=100).run()
    assert result.outcome is Outcome.COMPLETE
    assert pending(tickets) == 0
