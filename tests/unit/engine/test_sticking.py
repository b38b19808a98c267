"""A row that stays pending under our own lock is one that the database keeps from rotating."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from token_rotation.engine import sticking as module
from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.sticking import check_that_changes_stick
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import UnyieldingRowsError
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target("shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ())
KEYS = KeyRange(1, 2)


class Pool:
    """One worker, whose row meets ``fate`` when it is rotated."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self.row = SimpleNamespace(fate=Fate.LEFT, rotate=self._rotate)
        self.asked: list[tuple[KeyRange, float]] = []
        self.retrying = SimpleNamespace(run=lambda action: action())
        self.ranges = self.connection = self

    def _rotate(self) -> None:
        self.row.fate = self._fate

    def by_one(self, ask: Any) -> Any:
        return ask(self)

    @contextmanager
    def first_row(self, keys: KeyRange, wait_seconds: float) -> Iterator[Any]:
        self.asked.append((keys, wait_seconds))
        yield self.row


@pytest.mark.parametrize(
    ("found", "named"), [([], "No trigger or rule of others"), (["x on y"], "x on y")]
)
def test_a_row_that_does_not_rotate_names_its_table_and_what_fires_there(
    monkeypatch: pytest.MonkeyPatch, found: list[str], named: str
) -> None:
    monkeypatch.setattr(module, "update_hooks", lambda *_: found)
    pool = Pool(Fate.DID_NOT_STICK)
    with pytest.raises(UnyieldingRowsError, match=f"rows of order stay pending.*{named}"):
        check_that_changes_stick(TARGET, KEYS, cast(WorkerPool, pool))
    assert pool.asked == [(KEYS, 0.2)], "it waits no longer than a passing lock lasts"


@pytest.mark.parametrize("fate", [Fate.ROTATED, Fate.LOCKED_BY_OTHERS, Fate.LEFT])
def test_any_other_fate_is_no_fault_of_the_table(fate: Fate) -> None:
    check_that_changes_stick(TARGET, KEYS, cast(WorkerPool, Pool(fate)))


def test_without_a_range_nothing_is_tried() -> None:
    pool = Pool(Fate.DID_NOT_STICK)
    check_that_changes_stick(TARGET, None, cast(WorkerPool, pool))
    assert pool.asked == []
