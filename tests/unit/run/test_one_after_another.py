"""Several targets in turn: what ends the work early names what was not begun."""

from dataclasses import replace

import pytest

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.errors import (
    AbortedError,
    DatabaseGoneError,
    NotReadyError,
    RotationError,
    StatementError,
)
from token_rotation.run.one_after_another import TargetEnd, one_after_another
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

FIRST = Target("shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ())
TARGETS = [FIRST, replace(FIRST, label="shop.Key"), replace(FIRST, label="shop.Link")]


class Work:
    """Ends as it is told for each label, and well for the others."""

    def __init__(self, **ends: TargetEnd | RotationError) -> None:
        self._ends = {f"shop.{name}": end for name, end in ends.items()}
        self.begun: list[str] = []
        self.warnings: list[str] = []

    def __call__(self, target: Target) -> TargetEnd:
        self.begun.append(target.label)
        end = self._ends.get(target.label, TargetEnd(done=True))
        if isinstance(end, RotationError):
            raise end
        return end

    def run(self) -> ExitCode:
        return one_after_another(TARGETS, self, self.warnings.append)


def test_all_done_is_done() -> None:
    work = Work()
    assert work.run() is ExitCode.DONE
    assert work.begun == [target.label for target in TARGETS]


def test_one_that_is_unfinished_keeps_no_other_from_its_turn() -> None:
    work = Work(Order=TargetEnd(done=False))
    assert work.run() is ExitCode.UNFINISHED
    assert len(work.begun) == 3


def test_one_that_is_not_ready_is_told_and_left_out_and_makes_the_whole_an_error() -> None:
    work = Work(Order=NotReadyError(("no guard",)), Link=TargetEnd(done=False))
    assert work.run() is ExitCode.ERROR
    assert (len(work.begun), work.warnings) == (3, ["no guard"])


def test_the_last_one_that_is_not_ready_ends_with_its_own_error() -> None:
    with pytest.raises(NotReadyError, match=r"^no guard$"):
        Work(Link=NotReadyError(("no guard",))).run()


def test_a_stop_begins_no_other_and_names_them() -> None:
    work = Work(Key=TargetEnd(done=True, stopped=True))
    assert work.run() is ExitCode.UNFINISHED
    assert work.begun == ["shop.Order", "shop.Key"]
    assert work.warnings == ["Not begun: shop.Link."]


def test_a_stop_of_the_last_one_leaves_nothing_out() -> None:
    work = Work(Link=TargetEnd(done=True, stopped=True))
    assert work.run() is ExitCode.DONE
    assert work.warnings == []


@pytest.mark.parametrize("kind", [DatabaseGoneError, AbortedError])
def test_a_server_that_is_gone_begins_no_other_and_names_them(kind: type[RotationError]) -> None:
    work = Work(Order=kind("the server is gone"))
    with pytest.raises(
        RotationError, match=r"^the server is gone \(Not begun: shop\.Key, shop\.Link\)$"
    ):
        work.run()
    assert work.begun == ["shop.Order"]


def test_a_server_that_goes_at_the_last_one_leaves_nothing_out() -> None:
    with pytest.raises(RotationError, match=r"^gone$"):
        Work(Link=DatabaseGoneError("gone")).run()


def test_a_table_that_fails_is_told_and_keeps_no_other_from_its_turn() -> None:
    work = Work(Order=StatementError("locked by pid 7"))
    assert work.run() is ExitCode.ERROR
    assert (len(work.begun), work.warnings) == (3, ["locked by pid 7"])
