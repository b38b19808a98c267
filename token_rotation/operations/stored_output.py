"""The contents of ``output_data``: one form of errors, safe readers.

The readers never raise. Records outlive the code that wrote them, and other code may write them
too. A reader takes what it knows and skips the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MESSAGE_CHARACTERS = 1_000
# Whole numbers up to here are floats without loss.
LARGEST_NUMBER = 2**53
UNKNOWN_FORM = "the stored error has an unknown form"
NO_REASON = "no reason is stored"

# Where an operation that did not fail says why it needs a person all the same.
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class StoredError:
    """An error without secrets.

    ``type`` and ``traceback`` are empty where none was stored. ``data`` is that of an ActionError.
    """

    type: str
    message: str
    traceback: str = ""
    data: Any = None

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.type, self.message)))

    def as_json(self) -> dict[str, Any]:
        """The value to store."""
        more = {"traceback": self.traceback or None, "data": self.data}
        given = {name: value for name, value in more.items() if value is not None}
        return {"type": self.type, "message": self.message, **given}


def read_error(value: Any) -> StoredError | None:
    """Return the error in a stored value, or None.

    None means that the value stands for no error. Older versions stored a sentence. A value of
    another form is not quoted: it may hold anything.
    """
    if not value:
        return None
    if isinstance(value, str):
        return StoredError("", _line(value))
    stored = read_object(value)
    kind, message = _line(stored.get("type")), _line(stored.get("message"))
    if not kind and not message:
        return StoredError("", UNKNOWN_FORM)
    traceback = stored.get("traceback")
    traceback = traceback if isinstance(traceback, str) else ""
    return StoredError(kind, message, traceback, stored.get("data"))


def read_errors(output: Any) -> list[tuple[str, StoredError]]:
    """Return the errors of the actions and of the run.

    The actions' errors come first, with their names. The run's error has the name "".
    """
    stored = read_object(output)
    found = [(_line(each.get("action")), each.get("error")) for each in read_actions(stored)]
    found.append(("", stored.get("error")))
    return [(name, error) for name, value in found if (error := read_error(value)) is not None]


def read_reason(output: Any) -> StoredError:
    """Return the error that ended the run, without its traceback.

    NO_REASON stands for an error that was not stored.
    """
    errors = read_errors(output)
    if not errors:
        return StoredError("", NO_REASON)
    _, last = errors[-1]
    return StoredError(last.type, last.message)


def read_unfinished(output: Any) -> str:
    """Return why an operation that ended without an error needs a person, in one line.

    "" where it needs none.
    """
    value = read_object(output).get(UNFINISHED)
    if not value:
        return ""
    return _line(value) or UNKNOWN_FORM


def read_actions(output: Any) -> list[dict[str, Any]]:
    """The results of the actions, in their order."""
    actions = read_object(output).get("actions")
    return [each for each in actions if isinstance(each, dict)] if isinstance(actions, list) else []


def read_object(value: Any) -> dict[str, Any]:
    """Return a copy of a JSON object.

    Anything else gives an empty one.
    """
    return dict(value) if isinstance(value, dict) else {}


def read_number(value: Any, default: float | None = 0) -> Any:
    """Return a number that can be added to others.

    Anything else gives ``default``.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) <= LARGEST_NUMBER else default


def _line(value: Any) -> str:
    return " ".join(value.split())[:MESSAGE_CHARACTERS] if isinstance(value, str) else ""
