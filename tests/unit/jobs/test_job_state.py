"""The state of a job is read as it was stored, and nonsense is the beginning."""

from typing import Any

import pytest

from token_rotation.jobs.state import NAMED_AT_MOST, JobState, SetAside, read_state

STATE = JobState("17", 16, 1, (SetAside("9", "ValueError: no"),))


def test_a_stored_state_is_read_as_it_was() -> None:
    assert read_state(STATE.as_json()) == STATE


@pytest.mark.parametrize(
    "stored", [None, {}, [], "x", {"cursor": 1}, {**STATE.as_json(), "done": "x"}]
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
