"""Asks running fills to stop, to pause or to go on."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.events import Observer
from token_rotation.jobs.control import Request
from token_rotation.run.recording.kind import FILLS
from token_rotation.run.recording.running_pace import set_paused
from token_rotation.run.recording.stop_running import request_stop


def ask_fills(database: str, labels: Sequence[str], request: Request, *, observe: Observer) -> str:
    """Ask running fills, and say in a sentence how many hear it.

    Without ``labels``, ask all on the database. Raises StatementError and NotKnownError.
    """
    if request is Request.STOP:
        asked = request_stop(database, labels, kind=FILLS, observe=observe)
        return asked.as_sentence(database, labels, kind=FILLS)
    paused = request is Request.PAUSE
    return set_paused(database, labels, paused=paused, kind=FILLS, observe=observe)
