"""What a connection calls around each of its statements."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol


class Hook(Protocol):
    """Hears of the statements of one connection."""

    def statement(self, *, may_commit: bool) -> AbstractContextManager[Any]:
        """Return a context for the time of a statement; ``may_commit`` if its end is a COMMIT.

        Raises the driver's OperationalError where no statement should be sent any more.
        """

    def ending(self, *, may_commit: bool) -> AbstractContextManager[Any]:
        """Return a context for the time of the connection's own COMMIT or ROLLBACK."""


class ConnectionHook(Hook, Protocol):
    """The hook of a connection that Django uses."""

    def abandoned(self) -> None:
        """Cancel a statement whose answer nobody awaits any more. Returns at once."""

    def close(self) -> None:
        """Forget the connection, which is closed."""


class HookFactory(Protocol):
    """Makes the hook of each new connection. A deep copy of it is itself."""

    def __call__(self, raw: Any) -> ConnectionHook: ...
