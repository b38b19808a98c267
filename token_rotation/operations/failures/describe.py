"""An error as it is stored and mailed: without variables, without secrets, of bounded length."""

from __future__ import annotations

import traceback

from token_rotation.operations.options import mask
from token_rotation.operations.stored_output import MESSAGE_CHARACTERS, StoredError

WITHHELD = "withheld: the setting OPERATIONS_MASK names nothing that hides secrets"
TRACEBACK_CHARACTERS = 10_000


def describe(error: BaseException) -> StoredError:
    """Any error, with the traceback of it and of those that caused it."""
    return StoredError(
        _kind(error),
        _shown(str(error))[:MESSAGE_CHARACTERS],
        _shown(_traceback(error))[-TRACEBACK_CHARACTERS:],
    )


def describe_explained(error: Exception) -> StoredError:
    """An error whose class promises a message for people that holds no secret.

    So the message is kept without OPERATIONS_MASK too, which otherwise masks it once more.
    """
    message = _storable((mask() or str)(str(error)))
    return StoredError(_kind(error), message[:MESSAGE_CHARACTERS])


def describe_unforeseen(error: BaseException) -> StoredError:
    """An error that may say anything: its type alone."""
    return StoredError(_kind(error), "ended by an error that was not foreseen")


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _traceback(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error).format())


def _shown(text: str) -> str:
    hide = mask()
    if hide is None:
        return WITHHELD
    return _storable(hide(text))


def _storable(text: str) -> str:
    # PostgreSQL's jsonb takes neither NUL characters nor lone surrogates.
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
