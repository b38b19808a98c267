"""A door that is a Python function of the project."""

from __future__ import annotations

from django.db import connections
from django.utils.module_loading import import_string

from token_rotation.errors import DoorError
from token_rotation.verification.door.answer import Answer, Reply, reply_of_status


class CallableDoor:
    """A function that gets a token and says if it opens something.

    It returns True or False, or an HTTP status. Any other answer, and an exception, tells nothing;
    so does SystemExit. No text of an exception passes. Several threads may call it at the same
    time.
    """

    def __init__(self, path: str, *, refused: frozenset[int]) -> None:
        """Raises DoorError where there is no such function."""
        self._refused = refused
        try:
            self._function = import_string(path)
        except ImportError as error:
            raise DoorError(f"--through names no URL and no callable: {error}") from None
        if not callable(self._function):
            raise DoorError(f"--through {path} is of type {type(self._function).__name__}")

    def ask(self, token: str) -> Reply:
        """Call the function, and return what its answer means."""
        try:
            said = self._function(token)
        # The text of any exception may quote the token.
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None
        except BaseException as error:  # noqa: BLE001
            return Reply(Answer.UNKNOWN, type(error).__name__)
        finally:
            connections.close_all()  # this thread's own
        if isinstance(said, bool):
            return Reply(Answer.OPEN if said else Answer.REFUSED, str(said))
        if isinstance(said, int):
            return reply_of_status(int(said), self._refused)
        return Reply(Answer.UNKNOWN, f"a {type(said).__name__}")
