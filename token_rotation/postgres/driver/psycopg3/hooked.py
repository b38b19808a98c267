"""Connections and cursors that call a hook around each statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db.backends.signals import connection_created

from token_rotation.postgres.driver.hooks import ConnectionHook, Hook, HookFactory
from token_rotation.postgres.driver.psycopg3.connections import is_idle
from token_rotation.postgres.driver.psycopg3.cursors import HookedCursor

_KEY = "TOKEN_ROTATION_HOOK"
"""Of a connection's settings. libpq would refuse one more of its OPTIONS."""


class Hooked:
    """Mixin of a connection; all of its statements wait for the server in ``wait``."""

    hook: ConnectionHook
    _ending: bool | None = None

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        if self._ending is not None:
            sent = self.hook.ending(may_commit=self._ending)
        else:
            sent = self.hook.statement(may_commit=bool(self.autocommit) and is_idle(self))  # type: ignore[attr-defined]
        with sent:
            return super().wait(*args, **kwargs)  # type: ignore[misc]

    def commit(self) -> None:
        with self._ends(may_commit=True):
            super().commit()  # type: ignore[misc]

    def rollback(self) -> None:
        with self._ends(may_commit=False):
            super().rollback()  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        self.hook.close()

    @contextmanager
    def _ends(self, *, may_commit: bool) -> Iterator[None]:
        self._ending = may_commit
        try:
            yield
        finally:
            self._ending = None


@cache
def _hooked(kind: type) -> type:
    return type(f"Hooked{kind.__name__}", (Hooked, kind), {})


def hook(settings: dict[str, Any], make_hook: HookFactory) -> None:
    """Hook the connections that Django opens with these settings from now on.

    Not where they have a hook already.
    """
    settings.setdefault(_KEY, make_hook)
    connection_created.connect(_attach, weak=False, dispatch_uid="token_rotation.driver.hook")


def unhook(settings: dict[str, Any]) -> None:
    """Let these settings open connections without a hook."""
    settings.pop(_KEY, None)


def _attach(connection: Any, **_: Any) -> None:
    make_hook = connection.settings_dict.get(_KEY)
    raw = connection.connection
    if make_hook is not None and not isinstance(raw, Hooked):
        made = make_hook(raw)
        kind: Any = type(raw)
        raw.__class__ = _hooked(kind)
        raw.hook = made


def hook_of(raw: Any) -> ConnectionHook | None:
    """Return the hook of a connection that Django uses, None where it has none."""
    return raw.hook if isinstance(raw, Hooked) else None


def hooked_cursor(raw: Any, hook: Hook) -> Any:
    """Return a cursor of a connection that has no hook of its own."""
    made = HookedCursor(raw)
    made.hook = hook
    return made
