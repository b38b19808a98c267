"""Stop the rotations of a database, in processes and workers."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.distributed.cancel import cancel_stopped
from token_rotation.events import Observer
from token_rotation.postgres.opening import own_session
from token_rotation.run.recording.stop_running import request_stop


def stop_rotations(
    database: str, labels: Sequence[str] = (), *, observe: Observer = lambda _: None
) -> str:
    """Ask all rotations, or those of these targets, to end.

    Returns in a sentence which will end. ``observe`` hears what a statement without an answer waits
    for. Raises RotationError where the records cannot be read or written.
    """
    asked = request_stop(database, labels, observe=observe)
    with own_session(database, observe=observe):
        return asked.but_ended(cancel_stopped(database)).as_sentence(database, labels)
