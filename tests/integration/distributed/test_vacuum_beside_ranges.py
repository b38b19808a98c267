"""A VACUUM beside the ranges of a rotation works as fast as others allow."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from django.db import connection

from tests.support.leaked import CLEAR, leak
from token_rotation.distributed.records import MEETS_TRAFFIC, VACUUM
from token_rotation.distributed.rounds import run_vacuum as vacuums
from token_rotation.distributed.rounds.begin import create_round
from token_rotation.maintenance.background_vacuum import FAST_COST_LIMIT, SLOW_COST_LIMIT
from token_rotation.maintenance.vacuum import TableVacuum, Vacuumed
from token_rotation.operations.execution.take import take
from token_rotation.operations.models import BatchOperation
from token_rotation.selection.key_range import EVERY_KEY

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects


@pytest.fixture
def rotation() -> Iterator[BatchOperation]:
    leak(connection, 100)
    what = {"model": "tickets.Ticket", "database": "default", "distributed": True, "options": {}}
    yield operations.create_synchronous("rotation", input_data=what)
    with connection.cursor() as cursor:
        cursor.execute(CLEAR)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost limits of the VACUUMs. One that is fast lasts until it is cancelled, or a second."""
    begun: list[int] = []

    class Lasting(TableVacuum):
        def __init__(self, *what: Any, cost_limit: int, **more: Any) -> None:
            begun.append(cost_limit)
            self._cancelled = Event()
            self._lasts = cost_limit == FAST_COST_LIMIT
            super().__init__(*what, cost_limit=cost_limit, **more)

        def run(self, **how: Any) -> Vacuumed:
            if self._lasts:
                self._cancelled.wait(1)
            return super().run(**how)

        def cancel(self) -> None:
            super().cancel()
            self._cancelled.set()

    monkeypatch.setattr(vacuums, "TableVacuum", Lasting)
    monkeypatch.setattr(vacuums, "BEAT_EVERY_SECONDS", 0.01)
    return begun


def run(rotation: BatchOperation) -> dict[str, Any]:
    vacuum = operations.create_synchronous(
        VACUUM, input_data={"rotation": rotation.pk, "since_xid": None}
    )
    return vacuums.run_vacuum(vacuum)


def beat(rotation: BatchOperation, *, has_traffic: bool) -> None:
    """A worker at a range of the rotation says whether others are at work."""
    (work_range,) = create_round(rotation, 0, [EVERY_KEY])
    take(work_range.pk, "an attempt").beat(done=0, live={MEETS_TRAFFIC: has_traffic})


@pytest.mark.parametrize(
    ("has_traffic", "limit"), [(True, SLOW_COST_LIMIT), (False, FAST_COST_LIMIT)]
)
def test_it_begins_slowly_where_a_worker_says_that_others_are_at_work(
    rotation: BatchOperation, limits: list[int], *, has_traffic: bool, limit: int
) -> None:
    beat(rotation, has_traffic=has_traffic)
    assert run(rotation)["done"]
    assert limits == [limit]


@pytest.mark.parametrize("afterwards", [True, False])
def test_a_slow_one_replaces_a_fast_one_once_others_are_at_work(
    rotation: BatchOperation,
    limits: list[int],
    monkeypatch: pytest.MonkeyPatch,
    *,
    afterwards: bool,
) -> None:
    """Also where the worker that has said so is done by then."""
    known = iter([False, False, True])
    monkeypatch.setattr(vacuums, "meets_traffic", lambda _: next(known, afterwards))
    assert run(rotation)["done"]
    assert limits == [FAST_COST_LIMIT, SLOW_COST_LIMIT]
