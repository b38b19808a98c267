"""The soak says which faults it leaves out, and mends what it has spoilt."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from random import Random
from typing import Any

import pytest

from tests.support.driver import errors
from tests.support.leaked import leak, value
from tests.support.manage import PROJECT

PREPARED = {
    "small_disk": "full disk",
    "queue_server": "FLUSHALL",
    "settable_clocks": "clock step",
}
PREPARES = "SELECT count(*) FROM pg_trigger WHERE tgname = 'soak_audit'"
UPDATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp() "
    "WHERE id = ANY(%s)"
)


@pytest.fixture(autouse=True)
def _soak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(f"{PROJECT / 'scripts'}")


def nothing() -> AbstractContextManager[None]:
    return nullcontext()


def test_a_fault_that_cannot_be_had_is_named_and_left_out(
    database_url: str, tickets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soaking.faults import kinds  # noqa: PLC0415

    for name in PREPARED:
        monkeypatch.setattr(kinds, name, nothing)
    with kinds.had_here(()) as had:
        found = had(database_url)
    old = {"transaction_timeout"} if tickets.info.server_version < 170000 else set()
    assert set(found.skipped) == {*PREPARED.values(), *old}
    assert set(found.usual) == set(kinds.NAMES) - set(found.skipped)
    assert found.spread == {}


def test_only_what_is_asked_for_is_prepared(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soaking.faults import kinds  # noqa: PLC0415

    for name in PREPARED:
        monkeypatch.setattr(kinds, name, None)  # calling it would fail
    with kinds.had_here(("held locks", "silent server")) as had:
        found = had(database_url)
    assert (set(found.usual), found.spread) == ({"held locks", "silent server"}, {})
    assert found.skipped == {}


class Server:
    """What a fault asks of a cluster."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self) -> str:
        return self._url


@pytest.fixture
def stage(database_url: str, tickets: Any) -> Any:
    from soaking.faults.stage import Stage  # noqa: PLC0415

    leak(tickets, 20)
    rows = range(1, 21)
    found = Stage(Server(database_url), lambda: (), rows, rows, Random(1))
    found.stop_asked.set()  # nothing lasts
    return found


@pytest.fixture(params=["PoisonByCheck", "PoisonByTrigger"])
def poison(request: pytest.FixtureRequest, stage: Any) -> Iterator[Any]:
    from soaking.faults import rows  # noqa: PLC0415

    fault = getattr(rows, request.param)(stage)
    yield fault
    fault.mend()


def test_some_rows_are_refused_until_they_are_mended(poison: Any, stage: Any, tickets: Any) -> None:
    assert poison.inflict()
    refused = sorted(stage.refused)
    others = [row for row in stage.rows if row not in refused]
    assert 0 < len(refused) < 20
    assert not poison.inflict()
    with tickets.cursor() as cursor:
        cursor.execute(UPDATE, [others])
        with pytest.raises(errors.IntegrityError):
            cursor.execute(UPDATE, [refused[:1]])
        poison.mend()
        cursor.execute(UPDATE, [refused])
    assert value(tickets, PREPARES) == 0
    assert not stage.refused


def test_what_a_lock_keeps_from_being_spoilt_is_left_whole(
    poison: Any, stage: Any, tickets: Any, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soaking.faults import rows  # noqa: PLC0415

    monkeypatch.setattr(rows, "_BRIEFLY", "SET lock_timeout = '10ms'")
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE tickets_ticket IN SHARE UPDATE EXCLUSIVE MODE")
    monkeypatch.setattr(poison, "mend", end_of(other, poison.mend))
    assert not poison.inflict()
    with tickets.cursor() as cursor:
        cursor.execute(UPDATE, [list(stage.rows)])
    assert not stage.refused


def end_of(other: Any, mend: Callable[[], None]) -> Callable[[], None]:
    """The mending, after whoever holds the lock has gone."""

    def mend_then() -> None:
        other.rollback()
        mend()

    return mend_then
