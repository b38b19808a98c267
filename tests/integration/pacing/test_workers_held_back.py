"""A worker that the traffic budget holds back does not hold up the rotation's end."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from tests.support.leaked import assert_each_token_changed_once, leak
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.events import BatchDone, Event
from token_rotation.selection.target import Target


@pytest.mark.timeout(60)
def test_it_ends_when_the_other_has_taken_all_rows_of_the_limit(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 1_000)
    result = rotation(workers=2, limit_rows=100, traffic_budget_ms=0.001).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 100)


@pytest.mark.timeout(60)
def test_it_ends_with_the_pass_of_the_other(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 100)
    result = rotation(workers=2, traffic_budget_ms=0.001).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)


@pytest.mark.timeout(60)
def test_it_works_on_where_the_one_that_may_work_has_left(
    tickets: Any,
    target: Target,
    rotation: RotationFactory,
    limit_connections: Callable[[int], None],
) -> None:
    leak(tickets, 1_000)
    limit_connections(3)
    killed: list[int] = []

    def keep_out_the_first(event: Event) -> None:
        if isinstance(event, BatchDone) and not killed:
            killed.append(engine._workers[0].connection._raw.info.backend_pid)
            role = connections[target.database].settings_dict["USER"]
            tickets.cursor().execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
            tickets.cursor().execute("SELECT pg_terminate_backend(%s)", killed)

    modestly = {"traffic_budget_ms": 0.001, "vacuum_every_percent": 0, "retry_seconds": 0.5}
    engine = rotation(keep_out_the_first, workers=2, **modestly)
    assert engine.run().outcome is Outcome.COMPLETE
    assert len(killed) == 1
    assert_each_token_changed_once(tickets)
