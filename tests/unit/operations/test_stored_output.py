"""What an operation has stored is read without an error, whoever stored it."""

import json
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.junk import JUNK
from token_rotation.operations.failures.describe import (
    describe,
    describe_explained,
    describe_unforeseen,
)
from token_rotation.operations.stored_output import (
    MESSAGE_CHARACTERS,
    NO_REASON,
    UNKNOWN_FORM,
    StoredError,
    read_actions,
    read_error,
    read_errors,
    read_number,
    read_object,
    read_reason,
)

TOKEN = "3f2b9c1e-5a7d-4e8f-9b0a-1c2d3e4f5a6b"
WRITTEN = [
    StoredError("ValueError", "why"),
    StoredError("ValueError", "why", "Traceback ..."),
    StoredError("", "why"),
    StoredError("ValueError", ""),
]


@pytest.mark.parametrize("error", WRITTEN)
def test_what_was_written_is_read_again(error: StoredError) -> None:
    assert read_error(json.loads(json.dumps(error.as_json()))) == error


def test_a_sentence_of_an_older_version_is_the_message() -> None:
    error = read_error("gave up\nafter 60 s")
    assert error == StoredError("", "gave up after 60 s")
    assert str(error) == "gave up after 60 s"


@pytest.mark.parametrize("value", [None, "", {}, [], 0])
def test_nothing_stored_is_no_error(value: Any) -> None:
    assert read_error(value) is None


@pytest.mark.parametrize(
    "value", [1, ["secret"], {"secret": 1}, {"type": 1, "message": ["secret"]}]
)
def test_a_value_of_another_form_is_an_error_that_is_not_quoted(value: Any) -> None:
    assert read_error(value) == StoredError("", UNKNOWN_FORM)


@pytest.mark.parametrize("junk", JUNK, ids=lambda each: str(each)[:30])
def test_no_reader_raises(junk: Any) -> None:
    assert all(isinstance(error, StoredError) for _, error in read_errors(junk))
    assert isinstance(read_reason(junk), StoredError)
    assert all(isinstance(each, dict) for each in read_actions(junk))
    assert isinstance(read_object(junk), dict)
    assert isinstance(read_number(junk), int | float)
    assert "secret" not in str(read_errors(junk))


def test_the_last_error_is_the_reason_and_has_no_traceback() -> None:
    first = StoredError("E", "of an action", "Traceback ...")
    last = StoredError("F", "of the run", "Traceback ...")
    output = {"actions": [{"action": "A", "error": first.as_json()}], "error": last.as_json()}
    assert read_errors(output) == [("A", first), ("", last)]
    assert read_reason(output) == StoredError("F", "of the run")
    assert read_reason({"actions": []}) == StoredError("", NO_REASON)


def test_a_message_has_a_bounded_length() -> None:
    error = read_error("x" * 2 * MESSAGE_CHARACTERS)
    assert error is not None
    assert len(error.message) == MESSAGE_CHARACTERS


def test_an_explained_error_is_kept_without_its_tokens_and_without_a_traceback() -> None:
    kept = describe_explained(ImproperlyConfigured(f"no page for {TOKEN} \x00\ud800"))
    assert kept.type == "django.core.exceptions.ImproperlyConfigured"
    assert kept.message == "no page for [token] \\x00\\ud800"
    assert kept.traceback == ""


def test_an_explained_error_is_kept_also_where_nothing_masks(settings: Any) -> None:
    settings.OPERATIONS_MASK = None
    assert describe_explained(ValueError("why")) == StoredError("ValueError", "why")
    assert "why" not in str(describe(ValueError("why")).as_json())


def test_of_an_unforeseen_error_the_type_alone_is_kept() -> None:
    kept = describe_unforeseen(KeyboardInterrupt(TOKEN)).as_json()
    assert kept == {
        "type": "KeyboardInterrupt",
        "message": "ended by an error that was not foreseen",
    }
