"""Stop the rotations of a database, those in a process and those with workers."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.distributed.cancel import cancel_stopped
from token_rotation.run.recording.stop_running import request_stop


def stop_rotations(database: str, labels: Sequence[str] = ()) -> str:
    """Ask all of them, or those of these targets, to end; return which will, in a sentence.

    Raises RotationError where the records cannot be read or written.
    """
    asked = request_stop(database, labels)
    cancel_stopped(database)
    return asked.as_sentence(database, labels)
