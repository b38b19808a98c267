"""The text of an error, for records and mails.

It holds no variables and no secrets, and its length is bounded.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error as DatabaseError

from token_rotation.operations.errors import ActionError
from token_rotation.operations.options import mask
from token_rotation.operations.stored_output import MESSAGE_CHARACTERS, StoredError
from token_rotation.postgres.faults.failures import reason_of

WITHHELD = "withheld: the setting OPERATIONS_MASK names nothing that hides secrets"
TRACEBACK_CHARACTERS = 10_000
DATA_CHARACTERS = 10_000
NO_JSON = "withheld: the data are no JSON value that can be stored"


def describe(error: BaseException) -> StoredError:
    """Describe any error, with its traceback and its causes.

    The causes come with their tracebacks. The text holds no value from a row.
    """
    traceback_text = _shown(_traceback(error))[-TRACEBACK_CHARACTERS:]
    if isinstance(error, ActionError):
        explained = describe_explained(error)
        return replace(explained, traceback=traceback_text, data=_stored_data(error.data))
    message = _shown(_message(error))[:MESSAGE_CHARACTERS]
    return StoredError(_kind(error), message, traceback_text)


def describe_explained(error: Exception) -> StoredError:
    """Describe an error whose class promises a message without secrets.

    The message is for people, and is kept without OPERATIONS_MASK too. With that setting it is
    masked once more.
    """
    message = _storable((mask() or str)(str(error)))
    return StoredError(_kind(error), message[:MESSAGE_CHARACTERS])


def _stored_data(data: Any) -> Any:
    """Return an ActionError's data, masked as text, as they can be stored."""
    try:
        text = json.dumps(data, cls=DjangoJSONEncoder, allow_nan=False)
    except (TypeError, ValueError):
        return NO_JSON
    if len(text) > DATA_CHARACTERS or "\\u0000" in text:
        return NO_JSON
    return _masked(json.loads(text), mask() or str)


def _masked(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return _storable(hide(value))
    if isinstance(value, list):
        return [_masked(each, hide) for each in value]
    if isinstance(value, dict):
        return {_storable(hide(name)): _masked(each, hide) for name, each in value.items()}
    return value


def describe_unforeseen(error: BaseException) -> StoredError:
    """Describe an unforeseen error by its type alone.

    Its message may hold anything.
    """
    return StoredError(_kind(error), "ended by an error that was not foreseen")


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _message(error: BaseException) -> str:
    """Return the part of the message that quotes no row.

    Only messages of database errors are cut.
    """
    return reason_of(error) if isinstance(error, Exception) else str(error)


def _traceback(error: BaseException) -> str:
    """Return the traceback as Python prints it.

    The messages of database errors are left out.
    """
    found: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        frames = "".join(traceback.format_tb(cause.__traceback__))
        found.append(f"Traceback:\n{frames}{_kind(cause)}: {_message(cause)}\n")
        if isinstance(cause, DatabaseError):  # the driver's error below it says the same
            break
        hidden = cause.__suppress_context__
        cause = cause.__cause__ or (None if hidden else cause.__context__)
    return "\ncaused:\n".join(reversed(found))


def _shown(text: str) -> str:
    hide = mask()
    if hide is None:
        return WITHHELD
    return _storable(hide(text))


def _storable(text: str) -> str:
    # PostgreSQL's jsonb takes neither NUL characters nor lone surrogates.
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
