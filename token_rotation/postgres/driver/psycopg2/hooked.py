"""Connections and cursors that call a hook around each statement."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from typing import Any

from psycopg2 import InterfaceError, OperationalError
from psycopg2.extensions import connection, cursor

from token_rotation.postgres.driver.hooks import ConnectionHook, Hook, HookFactory
from token_rotation.postgres.driver.psycopg2.connections import is_idle

_OPTION = "connection_factory"


class HookedCursor(cursor):
    """A cursor for the driver or Django."""

    hook: Hook

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002  (the driver's name)
        with self._sent():
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        with self._sent():
            super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        with self._sent():
            super().copy_expert(sql, file, size)

    def fetchone(self) -> Any:
        if self.name is None:
            return super().fetchone()
        with self._sent():
            return super().fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if self.name is None:
            return super().fetchmany(size)
        with self._sent():
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        if self.name is None:
            return super().fetchall()
        with self._sent():
            return super().fetchall()

    def close(self) -> None:
        """Close it. A connection that is lost says so at its next statement: Django wraps that."""
        if self.name is None or self.closed:
            super().close()
            return
        with suppress(OperationalError, InterfaceError), self._sent():
            super().close()

    def _sent(self) -> AbstractContextManager[Any]:
        raw = self.connection
        return self.hook.statement(may_commit=bool(raw.autocommit) and is_idle(raw))


class HookedConnection(connection):
    """A connection of the driver that Django may use as any other."""

    def __init__(self, dsn: str, make_hook: HookFactory, **more: Any) -> None:
        super().__init__(dsn, **more)
        self.hook = make_hook(self)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        if self.cursor_factory in (None, cursor):  # Django names the usual one
            kwargs.setdefault("cursor_factory", HookedCursor)
        made = super().cursor(*args, **kwargs)
        if isinstance(made, HookedCursor):
            made.hook = self.hook
        return made

    def commit(self) -> None:
        with self.hook.ending(may_commit=True):
            super().commit()

    def rollback(self) -> None:
        with self.hook.ending(may_commit=False):
            super().rollback()

    def close(self) -> None:
        super().close()
        self.hook.close()


class _Maker:
    """The ``connection_factory`` of an alias."""

    def __init__(self, make_hook: HookFactory) -> None:
        self._make_hook = make_hook

    def __call__(self, dsn: str, **more: Any) -> HookedConnection:
        return HookedConnection(dsn, self._make_hook, **more)

    def __deepcopy__(self, _: Any) -> _Maker:
        """Django copies the settings of a connection, deeply."""
        return self


def hook(settings: dict[str, Any], make_hook: HookFactory) -> None:
    """Hook the connections that Django opens with these settings from now on.

    Not where they have a factory of connections already.
    """
    settings["OPTIONS"].setdefault(_OPTION, _Maker(make_hook))


def unhook(settings: dict[str, Any]) -> None:
    """Let these settings open connections without a hook."""
    if isinstance(settings["OPTIONS"].get(_OPTION), _Maker):
        del settings["OPTIONS"][_OPTION]


def hook_of(raw: Any) -> ConnectionHook | None:
    """Return the hook of a connection that Django uses, None where it has none."""
    return raw.hook if isinstance(raw, HookedConnection) else None


def hooked_cursor(raw: Any, hook: Hook) -> Any:
    """Return a cursor of a connection that has no hook of its own."""
    made = raw.cursor(cursor_factory=HookedCursor)
    made.hook = hook
    return made
