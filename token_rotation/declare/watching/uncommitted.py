"""A save that its transaction may still roll back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

from django.db import connections, transaction


class UncommittedSave:
    """What an instance knows of the save that its value comes from.

    It is a callback of ``transaction.on_commit()``. Django drops the callbacks of a savepoint or
    transaction that it rolls back. So the save stands if this was called, or still waits.

    Between a commit and this call, other callbacks may see a save that seems undone. They would
    wish for the value that is stored, which changes nothing.
    """

    def __init__(self, using: str, then: Callable[[], None] | None = None) -> None:
        connection = connections[using]
        # That of the thread that saved.
        self._connection: Callable[[], Any] = ref(connection)
        self._then = then
        self._is_committed = False
        self._place = len(connection.run_on_commit)
        transaction.on_commit(self, using=using)

    def __call__(self) -> None:
        self._is_committed = True
        if self._then is not None:
            self._then()

    @property
    def stands(self) -> bool:
        """False if the save was rolled back."""
        return self._is_committed or self.is_pending

    @property
    def is_pending(self) -> bool:
        """True while the transaction may commit or roll back."""
        connection = self._connection()
        if self._is_committed or connection is None:
            return False
        waiting = connection.run_on_commit
        # Callbacks that were dropped let the later ones move down, never up.
        at_most = min(self._place, len(waiting) - 1)
        return any(waiting[place][1] is self for place in range(at_most, -1, -1))

    def __copy__(self) -> UncommittedSave:
        return self

    def __deepcopy__(self, memo: Any) -> UncommittedSave:
        return self

    def __reduce__(self) -> Any:
        """Pickle what is known now: no other process can ask the transaction."""
        return _PickledSave, (self.stands,)


class _PickledSave(UncommittedSave):
    """A save of which a pickle knows whether it stood."""

    def __init__(self, is_committed: bool) -> None:  # noqa: FBT001  (pickle's arguments)
        self._connection = _no_connection
        self._then = None
        self._is_committed = is_committed


def _no_connection() -> None:
    return None
