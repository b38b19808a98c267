"""Stored results are read as objects, whatever is stored."""

from typing import Any

import pytest

from token_rotation.operations.results import ActionResult, GroupResult, read_results
from token_rotation.operations.stored_output import StoredError

STORED = {
    "actions": [
        {"action": "Send", "status": "successful", "seconds": 0.2, "value": {"sent": 1}},
        {
            "action": "Archive",
            "status": "failed",
            "seconds": 0.1,
            "error": {"type": "E", "message": "m", "data": {"missing": 3}},
        },
    ]
}


def test_results_are_found_by_name_and_in_their_order() -> None:
    results = read_results(STORED)

    assert [each.name for each in results] == ["Send", "Archive"]
    assert (len(results), results.failed) == (2, ("Archive",))
    assert results["Send"] == ActionResult("Send", failed=False, seconds=0.2, value={"sent": 1})
    assert results["Archive"].error == StoredError("E", "m", data={"missing": 3})
    with pytest.raises(KeyError):
        results["Print"]


@pytest.mark.parametrize("junk", [None, 3, "x", [], {"actions": 3}, {"actions": [1, None]}])
def test_what_is_no_result_is_none(junk: Any) -> None:
    assert read_results(junk) == GroupResult(())


def test_a_result_of_another_form_counts_as_failed() -> None:
    assert read_results({"actions": [{"status": 5}]}).failed == ("None",)
