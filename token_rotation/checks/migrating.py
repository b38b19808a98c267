"""Know while ``migrate`` runs the checks: it mends most of what those of a database find."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.core.management.commands import migrate

_migrating: ContextVar[bool] = ContextVar("migrating", default=False)


def install() -> None:
    """Notice Django's command, by whatever name or other command it is called."""
    if not hasattr(migrate.Command.check, "__wrapped__"):
        migrate.Command.check = _noticed(migrate.Command.check)  # type: ignore[method-assign]


def is_migrating() -> bool:
    """Return True while ``migrate`` runs the checks."""
    return _migrating.get()


def _noticed(check: Callable[..., None]) -> Callable[..., None]:
    @wraps(check)
    def _check(self: Any, *args: Any, **kwargs: Any) -> None:
        before = _migrating.set(True)
        try:
            check(self, *args, **kwargs)
        finally:
            _migrating.reset(before)

    return _check
