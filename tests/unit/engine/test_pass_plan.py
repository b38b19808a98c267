"""What a pass hands out, and the fresh look that decides if there is another one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.clock import Clock
from token_rotation.engine.passes import pass_plan as module
from token_rotation.engine.passes.allocator import ByList, InKeyOrder, InTurn, Stretch
from token_rotation.engine.passes.pass_plan import PassPlan
from token_rotation.engine.worker import Worker
from token_rotation.selection.key_range import Key, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.selection import Selection
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens

TARGET = Target("shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ())
BOUNDS = KeyRange(5, 9)


class Looker:
    """A worker; ``stretches`` is what its looks find, one after the other."""

    def __init__(self, *stretches: Stretch, any_pending: bool = False) -> None:
        self.stretches = list(stretches)
        self.look_up = lambda action: action()
        self.pending = SimpleNamespace(
            any=lambda: any_pending, upper_keys=self._upper_keys, listed_rows=self._listed_rows
        )
        self.looks: list[tuple[Key | None, int]] = []
        self.listed: list[Sequence[str]] = []
        self.told = 0
        self.when_told: Callable[[], object] = lambda: None

    def _upper_keys(self, after: Key | None, batch_rows: int, _: int) -> Stretch:
        self.looks.append((after, batch_rows))
        return self.stretches.pop(0)

    def _listed_rows(self, values: Sequence[str]) -> list[tuple[str, None]]:
        self.listed.append(values)
        return [(value, None) for value in values if value == "pending"]

    def tell_of_looking(self) -> None:
        self.told += 1
        self.when_told()


class List:
    """Lines in chunks of ``chunk_lines``."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def chunks(self, lines: int) -> Iterator[Sequence[str]]:
        return (self._lines[n : n + lines] for n in range(0, len(self._lines), lines))


def plan(
    monkeypatch: pytest.MonkeyPatch,
    *,
    stop: StopSignal | None = None,
    lines: List | None = None,
    is_indexed: bool = True,
    is_list_only: bool = False,
) -> PassPlan:
    monkeypatch.setattr(module, "chunk_lines", lambda *_: 2)
    selection = SimpleNamespace(is_indexed=is_indexed, is_list_only=is_list_only)
    return PassPlan(
        replace(TARGET, selection=cast(Selection, selection)),
        bounds=BOUNDS,
        leak_list=cast(LeakList | None, lines),
        later=None,
        stop=stop or StopSignal(),
        clock=Clock(),
    )


def ask(plan: PassPlan, looker: Looker) -> bool:
    return plan.any_pending(cast(Worker, looker))


def test_without_a_list_a_pass_goes_in_key_order_from_the_lower_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allocator = plan(monkeypatch).allocator()
    assert isinstance(allocator, InKeyOrder)
    looker = Looker(Stretch([7]))
    assert allocator.next_range(10, looker.pending) == KeyRange(5, 7)
    assert looker.looks == [(5, 10)]


def test_listed_rows_come_first_or_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = List("a")
    assert isinstance(plan(monkeypatch, lines=lines).allocator(), InTurn)
    assert isinstance(plan(monkeypatch, lines=lines, is_list_only=True).allocator(), ByList)


@pytest.mark.parametrize("any_pending", [True, False])
def test_an_index_of_just_the_pending_rows_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, *, any_pending: bool
) -> None:
    looker = Looker(any_pending=any_pending)
    assert ask(plan(monkeypatch), looker) == any_pending
    assert (looker.looks, looker.told) == ([], 0)


def test_without_such_an_index_it_looks_stretch_by_stretch_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looker = Looker(Stretch([], 100), Stretch([], 200), Stretch([250]))
    assert ask(plan(monkeypatch, is_indexed=False), looker)
    assert (looker.looks, looker.told) == ([(5, 10_000), (100, 10_000), (200, 10_000)], 2)


def test_a_look_that_reaches_the_end_finds_nothing_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    looker = Looker(Stretch([], 100), Stretch())
    assert not ask(plan(monkeypatch, is_indexed=False), looker)


def test_with_a_list_the_listed_rows_are_looked_up_chunk_by_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looker = Looker(any_pending=True)
    only = plan(monkeypatch, lines=List("a", "b", "c", "pending", "e"), is_list_only=True)
    assert ask(only, looker)
    assert looker.listed == [("a", "b"), ("c", "pending")]
    assert not ask(plan(monkeypatch, lines=List("a"), is_list_only=True), looker)


def test_a_wish_to_stop_ends_the_look_which_then_has_not_found_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = StopSignal()
    looker = Looker(*[Stretch([], 100)] * 5)
    looker.when_told = stop.request
    assert ask(plan(monkeypatch, stop=stop, is_indexed=False), looker)
    assert len(looker.looks) == 1
