"""The state of a job is read as it was stored, and nonsense is the beginning."""

from typing import Any

import pytest

from token_rotation.jobs.state import (
    NAMED_AT_MOST,
    JobState,
    SetAside,
    Span,
    read_state,
    together,
)

STATE = JobState(
    (Span("17", "20"), Span("40")), 16, 1, (SetAside("9", "ValueError: no"),), split="of two"
)


def test_a_stored_state_is_read_as_it_was() -> None:
    assert read_state(STATE.as_json()) == STATE


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        [],
        "x",
        {"spans": 1},
        {**STATE.as_json(), "spans": [1]},
        {**STATE.as_json(), "done": "x"},
    ],
)
def test_what_is_no_state_is_the_beginning(stored: Any) -> None:
    assert read_state(stored) == JobState()


def test_all_items_that_were_set_aside_are_counted_and_some_named() -> None:
    state = JobState()
    for number in range(NAMED_AT_MOST + 5):
        state = state.without(f"{number}", "no", number)
    assert (state.failed, len(state.set_aside)) == (NAMED_AT_MOST + 5, NAMED_AT_MOST)
    assert state.unnamed == 5
    assert state.set_aside[-1].key == f"{NAMED_AT_MOST + 4}"


def test_at_the_end_of_a_span_the_next_begins_and_the_last_has_none() -> None:
    after = STATE.after(3, "20").in_next_span()
    assert after is not None
    assert after.spans == (Span("40"),)
    assert after.in_next_span() is None


def test_what_several_have_left_is_the_work_of_one() -> None:
    whole = together([STATE, JobState((Span("5", "6"),), done=2)])
    assert whole.spans == (*STATE.spans, Span("5", "6"))
    assert (whole.gone, whole.set_aside, whole.split) == (19, STATE.set_aside, "")
    assert together([]) == JobState()
