"""Let index builds run in no transaction, whatever their migration file says.

Commands of other packages, and projects' own ``makemigrations``, write migrations without the
``atomic = False`` that CREATE INDEX CONCURRENTLY needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

OUTSIDE = "outside_transactions"
"""An operation's attribute: it cannot run in a transaction, and can be run again after a kill."""


def install() -> None:
    """Let a migration of nothing but such operations be non-atomic.

    Django has no public way. One that has others, too, stays as its file says: they may need a
    transaction.
    """
    if not hasattr(Migration.__init__, "__wrapped__"):
        Migration.__init__ = _recognising(Migration.__init__)  # type: ignore[method-assign]


def _recognising(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def _init(self: Migration, name: str, app_label: str) -> None:
        init(self, name, app_label)
        if self.operations and all(map(is_outside, self.operations)):
            vars(self)["atomic"] = False  # as Django's autodetector does

    return _init


def is_outside(operation: Operation) -> bool:
    """Return True if the operation cannot run in a transaction."""
    return bool(getattr(operation, OUTSIDE, False))
