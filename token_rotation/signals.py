"""What a project may listen to. No signal ever carries a token.

Receivers run where the commit happened: in the thread of the worker that rotates, in the Celery
worker process of a spread rotation, in the request that rotated one row.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

logger = logging.getLogger(__name__)


class QuietSignal(Signal):
    """A signal whose failing receivers are logged by name and kind of error only.

    Django would log the error's text and traceback as well, which may quote a token.
    """

    def _log_robust_failure(self, receiver: Any, err: Exception) -> None:
        logger.error("the receiver %s failed with %s", name_of(receiver), type(err).__qualname__)


tokens_rotated = QuietSignal()
"""Rows got fresh tokens, and that is committed.

``sender``: the model; ``target``: its label; ``database``: the alias; ``keys``: a tuple of primary
keys, at most a batch of them. At least once for each row, where missed ones are sent again with
``replay_rotated_tokens``.
"""

retired_token_used = QuietSignal()
"""Somebody used a token that was replaced.

``sender``: the class RetiredToken; ``database``: the alias; ``source``: "table.column" of the
token; ``retired_at``: when it was replaced.
"""


def name_of(receiver: Any) -> str:
    """A receiver as a log line names it; a partial or an object has only its type's name."""
    named = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return f"{named.__module__}.{named.__qualname__}"
