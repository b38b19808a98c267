"""Database sessions apart from the thread's Django connection."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation.postgres.silence.sockets import cut_after
from token_rotation.postgres.times import hold_every_time

APPLICATION_NAME = "rotate_tokens"

LIMIT_LOCK_WAIT = "SET LOCAL lock_timeout = 1000"

NOTICE_A_LOST_SERVER: Mapping[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Options of libpq; the last in milliseconds, the others in seconds and probes.

When a server's machine is gone, nothing arrives any more. Without these options a statement waits
for minutes to hours, and so do Ctrl-C and ``--retry-seconds``. The options also keep the connection
of a long VACUUM alive in a firewall.
"""


OPENING_SECONDS = 20.0
"""For the connection and Django's first statements on it."""


def own_wrapper(
    alias: str,
    *,
    application_name: str = APPLICATION_NAME,
    startup_options: str = "",
    connect_seconds: int | None = None,
) -> BaseDatabaseWrapper:
    """A new Django wrapper of an alias, not connected.

    Its sessions bear ``application_name``. ``startup_options`` ("-c name=value ...") come after
    those of the alias or of PGOPTIONS. ``connect_seconds`` replaces the alias's connect_timeout.
    NOTICE_A_LOST_SERVER applies where the alias says nothing.
    """
    wrapper = connections[alias].copy()
    options = wrapper.settings_dict["OPTIONS"]
    for name, value in NOTICE_A_LOST_SERVER.items():
        options.setdefault(name, value)
    options["application_name"] = application_name
    if connect_seconds is not None:
        options["connect_timeout"] = connect_seconds
    if startup_options:
        before = options.get("options") or os.environ.get("PGOPTIONS", "")
        options["options"] = f"{before} {startup_options}".lstrip()
    return wrapper


def open_raw(
    alias: str,
    *,
    autocommit: bool = True,
    application_name: str = APPLICATION_NAME,
    startup_options: str = "",
    connect_seconds: int | None = None,
) -> Any:
    """Return a psycopg2 connection that any thread may use.

    It is in no transaction.

    It reads times that Python cannot hold as text. The other arguments are those of
    ``own_wrapper``. Driver errors pass through.
    """
    wrapper = own_wrapper(
        alias,
        application_name=application_name,
        startup_options=startup_options,
        connect_seconds=connect_seconds,
    )
    wrapper.inc_thread_sharing()
    with cut_after(OPENING_SECONDS, lambda: wrapper.connection):
        wrapper.connect()
    raw: Any = wrapper.connection
    raw.rollback()  # with AUTOCOMMIT off, connecting has begun a transaction
    raw.autocommit = autocommit
    hold_every_time(raw)
    return raw


@contextmanager
def own_session(alias: str) -> Iterator[None]:
    """Give the calling thread a session of its own.

    The thread reaches the alias through it while inside. No statement waits for a lock for more
    than a second there: Django then raises an OperationalError.
    """
    before = connections[alias]
    connections[alias] = own_wrapper(alias)
    try:
        with connections[alias].execute_wrapper(_limit_lock_wait):
            yield
    finally:
        connections[alias].close()
        connections[alias] = before


def _limit_lock_wait(
    execute: Callable[..., Any],
    query: str,
    values: Any,
    many: bool,  # noqa: FBT001  (Django passes it so)
    context: dict[str, Any],
) -> Any:
    """Run a statement of Django's with a bound, which ends with its transaction.

    A setting of the session would stay behind in a pooled one. The DECLARE of a named cursor must
    be a message of its own.
    """
    if getattr(context["cursor"].cursor, "name", None) is None:
        query = f"{LIMIT_LOCK_WAIT}; {query}"
    return execute(query, values, many, context)
