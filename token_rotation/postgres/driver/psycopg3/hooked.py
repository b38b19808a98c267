"""Connections and cursors that call a hook around each statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db.backends.signals import connection_created
from psycopg import Error, pq

from token_rotation.postgres.driver.hooks import ConnectionHook, Hook, HookFactory
from token_rotation.postgres.driver.psycopg3.connections import is_idle
from token_rotation.postgres.driver.psycopg3.cursors import HookedCursor
from token_rotation.postgres.driver.psycopg3.errors import is_lost, note_session

_KEY = "TOKEN_ROTATION_HOOK"
"""Of a connection's settings. libpq would refuse one more of its OPTIONS."""

_HOOK = "token_rotation_hook"

_END_OF_A_NAMED_CURSOR = "_close_gen"
"""What psycopg calls the generator that sends its CLOSE."""


@cache
def _hooked(kind: Any) -> type:
    """Return a class of connections that any of ``kind`` can become: it has no other base."""

    class HookedConnection(kind):
        """A connection of the driver; all that it sends waits for the server in ``wait``."""

        token_rotation_hook: ConnectionHook
        ends_by: bool | None = None
        """Set while it ends a transaction: True by a COMMIT."""

        def wait(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
            return _wait(self, super().wait, generator, *args, **kwargs)

        def set_autocommit(self, value: bool) -> None:  # noqa: FBT001  (psycopg has it so)
            with _ending(self, may_commit=False):
                super().set_autocommit(value)

        def commit(self) -> None:
            with _ending(self, may_commit=True):
                super().commit()

        def rollback(self) -> None:
            with _ending(self, may_commit=False):
                super().rollback()

        def close(self) -> None:
            super().close()
            self.token_rotation_hook.close()

    return HookedConnection


@contextmanager
def _ending(raw: Any, *, may_commit: bool) -> Iterator[None]:
    raw.ends_by = may_commit
    try:
        yield
    finally:
        raw.ends_by = None


def _wait(raw: Any, wait: Callable[..., Any], generator: Any, *args: Any, **kwargs: Any) -> Any:
    called: ConnectionHook = raw.token_rotation_hook
    if raw.ends_by is None:
        sent = called.statement(may_commit=bool(raw.autocommit) and is_idle(raw))
    else:
        sent = called.ending(may_commit=raw.ends_by)
    try:
        with sent:
            return wait(generator, *args, **kwargs)
    except Error as error:
        note_session(error, raw)
        # Django wraps the errors of the next statement, and not those of a cursor's end.
        if generator.__name__ == _END_OF_A_NAMED_CURSOR and is_lost(error):
            return None
        raise
    except BaseException:  # of a signal handler, such as Celery's soft time limit
        if raw.info.transaction_status == pq.TransactionStatus.ACTIVE:
            called.abandoned()
        raise


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
    if make_hook is not None and hook_of(raw) is None:
        setattr(raw, _HOOK, make_hook(raw))
        kind: Any = type(raw)
        raw.__class__ = _hooked(kind)


def hook_of(raw: Any) -> ConnectionHook | None:
    """Return the hook of a connection that Django uses, None where it has none."""
    found: ConnectionHook | None = getattr(raw, _HOOK, None)
    return found


def hooked_cursor(raw: Any, hook: Hook) -> Any:
    """Return a cursor of a connection that has no hook of its own."""
    made = HookedCursor(raw)
    made.hook = hook
    return made
