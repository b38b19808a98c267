"""An error as it is stored and mailed: without variables, without secrets, of bounded length."""

from __future__ import annotations

import traceback

from tickets.batch.options import mask

WITHHELD = "withheld: the setting BATCH_MASK names nothing that hides secrets"
TRACEBACK_CHARACTERS = 10_000
MESSAGE_CHARACTERS = 1_000


def describe(error: BaseException) -> dict[str, str]:
    """``type``, ``message`` and ``traceback`` of the error and of those that caused it."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return {
        "type": kind,
        "message": _shown(str(error))[:MESSAGE_CHARACTERS],
        "traceback": _shown(_traceback(error))[-TRACEBACK_CHARACTERS:],
    }


def _traceback(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error).format())


def _shown(text: str) -> str:
    hide = mask()
    if hide is None:
        return WITHHELD
    # PostgreSQL's jsonb takes neither NUL characters nor lone surrogates.
    return hide(text).replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
