"""The table of status changes, and errors that say what is allowed."""

from itertools import product

import pytest

from token_rotation.operations.errors import NotRunningError, StatusChangeError
from token_rotation.operations.lifecycle import EDGES, State, Status, allowed_from, stored_changes

STATES: list[State] = [None, *Status]
FORBIDDEN = [edge for edge in product(STATES, STATES) if edge not in EDGES]


def test_the_life_of_an_operation_is_these_five_changes_and_no_other() -> None:
    assert set(EDGES) == {
        (None, Status.UNPROCESSED),
        (None, Status.RUNNING),
        (Status.UNPROCESSED, Status.RUNNING),
        (Status.UNPROCESSED, None),
        (Status.RUNNING, Status.FINISHED),
    }


def test_each_change_says_by_which_method_and_why() -> None:
    for sentence in EDGES.values():
        method, _, why = sentence.partition(": ")
        assert method.isidentifier()
        assert why.endswith(".")


def test_nothing_comes_after_finished() -> None:
    assert allowed_from(Status.FINISHED) == ()


def test_the_trigger_enforces_the_changes_between_stored_rows() -> None:
    assert stored_changes() == [("unprocessed", "running"), ("running", "finished")]


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_the_error_names_from_to_and_what_is_allowed(before: State, after: State) -> None:
    error = StatusChangeError("operation 7 (mail)", before, after)

    assert (error.before, error.after) == (before, after)
    assert error.allowed == allowed_from(before)
    text = str(error)
    assert text.startswith("operation 7 (mail): ")
    for state in (before, after, *error.allowed):
        assert ("not stored" if state is None else state.value) in text
    assert "\n" not in text


def test_an_unprocessed_operation_is_cancelled_not_stopped() -> None:
    assert "cancelled" in str(NotRunningError("x", Status.UNPROCESSED))
    assert "cancelled" not in str(NotRunningError("x", Status.FINISHED))
