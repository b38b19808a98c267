"""Signals for a project; none ever carries a token.

Receivers run where the commit happened: in the worker thread that rotates, in the Celery worker
of a distributed rotation, or in the request that rotated one row.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

logger = logging.getLogger(__name__)


class QuietSignal(Signal):
    """A signal that logs failing receivers without their error text.

    It logs name and type of error only.

    Django would also log the error's text and traceback, which may quote a token.
    """

    def _log_robust_failure(self, receiver: Any, err: Exception) -> None:
        logger.error("the receiver %s failed with %s", name_of(receiver), type(err).__qualname__)


tokens_rotated = QuietSignal()
"""Rows got fresh tokens, and the transaction is committed.

``sender``: the model; ``target``: its label; ``database``: the alias; ``keys``: a tuple of primary
keys, at most one batch, and empty where they are the tokens; ``rows``: their number. A process that
dies after a commit may not have sent it; together with ``replay_rotated_tokens`` it is sent at
least once for each row.
"""

retired_token_used = QuietSignal()
"""Somebody used a token that was replaced.

``sender``: the class RetiredToken; ``database``: the alias; ``source``: "table.column" of the
token; ``retired_at``: when it was replaced.
"""


def name_of(receiver: Any) -> str:
    """Return a receiver's name for a log line.

    A partial or an object gets its type's name.
    """
    named = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return f"{named.__module__}.{named.__qualname__}"
