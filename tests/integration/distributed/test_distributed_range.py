"""A range has one heartbeat, by which its worker writes figures and hears of requests."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest
from django.db import connection

from tests.support import driver
from tests.support.leaked import CLEAR, leak, pending, value
from tests.support.stopped import standing_still
from tests.support.waiting import until
from token_rotation.distributed.actions import RotateKeyRange
from token_rotation.distributed.ranges.heartbeat import RangeHeartbeat
from token_rotation.distributed.records import RANGE, meets_traffic
from token_rotation.distributed.results import FIGURES, value_of
from token_rotation.distributed.rounds.begin import create_round
from token_rotation.engine.rotation import Rotation
from token_rotation.operations.actions.action import Beat
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import ClaimLostError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.execution.take import take
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.postgres.silence.bounds import SilenceBounds
from token_rotation.selection.key_range import EVERY_KEY

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects
ROWS = 10_000  # many more than a rotation in steps of one row does until it is stopped
GROUP = ActionGroup(RANGE, actions=[RotateKeyRange])


@pytest.fixture
def claim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Claim]:
    """The claim of a worker on the only range of a rotation."""
    monkeypatch.setattr(RotateKeyRange, "beat_every_seconds", 0.01)
    leak(connection, ROWS)
    options = asdict(RotationOptions(batch_rows=1, pause_seconds=0.01))
    rotation = operations.create_synchronous(
        "rotation",
        input_data={
            "model": "tickets.Ticket",
            "database": "default",
            "distributed": True,
            "options": options,
        },
    )
    (work_range,) = create_round(rotation, 0, [EVERY_KEY])
    yield take(work_range.pk, "the only attempt")
    with connection.cursor() as cursor:
        cursor.execute(CLEAR)


def beat_and_then(monkeypatch: pytest.MonkeyPatch, happens: Any) -> list[int]:
    """Let ``happens()`` happen after each beat; the numbers of heartbeats seen then."""
    seen: list[int] = []
    real = RangeHeartbeat.beat

    def beat(self: RangeHeartbeat, beat: Beat) -> None:
        real(self, beat)
        names = [thread.name for thread in threading.enumerate()]
        seen.append(names.count("operation-heartbeat"))
        happens()

    monkeypatch.setattr(RangeHeartbeat, "beat", beat)
    return seen


def has_told_of_batches() -> bool:
    live = operations.of_type(RANGE).get().live_data
    return bool(live and live[FIGURES]["batches"])


def test_a_range_has_one_heartbeat_and_hears_of_a_stop(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = operations.of_type("rotation").get()
    seen = beat_and_then(monkeypatch, lambda: has_told_of_batches() and rotation.request_stop())

    perform(claim, GROUP, may_retry=lambda *_: False)

    work_range = operations.of_type(RANGE).get()
    value = value_of(work_range)
    assert value is not None
    assert set(seen) == {1}
    assert value["outcome"] == "stopped"
    assert 0 < value["rotated_rows"] == ROWS - pending(connection) == work_range.progress_done
    assert work_range.live_data[FIGURES]["batches"] > 0
    rotation.refresh_from_db()
    assert rotation.progress_done == value["rotated_rows"]


@pytest.mark.parametrize("has_traffic", [True, False])
def test_each_beat_says_whether_others_are_at_work(
    claim: Claim, monkeypatch: pytest.MonkeyPatch, *, has_traffic: bool
) -> None:
    """A VACUUM in another worker hears of it."""
    monkeypatch.setattr(Rotation, "meets_traffic", has_traffic)
    rotation = operations.of_type("rotation").get()
    said: set[bool] = set()

    def note() -> None:
        if has_told_of_batches():
            said.add(meets_traffic(rotation))
            rotation.request_stop()

    beat_and_then(monkeypatch, note)

    perform(claim, GROUP, may_retry=lambda *_: False)

    assert said == {has_traffic}


def test_an_attempt_that_was_replaced_stops_rotating(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over = operations.of_type(RANGE)
    beat_and_then(
        monkeypatch, lambda: has_told_of_batches() and taken_over.update(runner="another attempt")
    )

    with pytest.raises(ClaimLostError):
        perform(claim, GROUP, may_retry=lambda *_: False)

    assert 0 < pending(connection) < ROWS
    assert operations.of_type(RANGE).get().runner == "another attempt"


WORKING = "SELECT max(pid) FROM pg_stat_activity WHERE query LIKE '%%UPDATE%%tickets_ticket%%' AND "
WORKING += "datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)"


def test_a_range_whose_backend_stands_still_goes_on_with_another(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = operations.of_type("rotation").get()
    at_once = SilenceBounds(
        ask_after_seconds=0.2, settled_seconds=0.2, lifeless_seconds=0.5, cancelled_seconds=0.2
    )
    monkeypatch.setattr("token_rotation.engine.worker.USUAL", at_once)

    def stop_backend() -> None:
        onlooker = driver.connect(**connection.get_connection_params())
        onlooker.autocommit = True
        pid = until(lambda: value(onlooker, WORKING, 0))
        with standing_still(pid):
            until(lambda: value(onlooker, WORKING, pid))
        operations.filter(pk=rotation.pk).get().request_stop()
        onlooker.close()
        connection.close()

    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(stop_backend)
        perform(claim, GROUP, may_retry=lambda *_: False)
        stopping.result()

    result = value_of(operations.of_type(RANGE).get())
    assert result is not None
    assert result["outcome"] == "stopped"
    assert result["retries"] > 0
