"""Database sessions apart from the thread's Django connection."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation.events import Observer
from token_rotation.postgres import driver
from token_rotation.postgres.silence.bounds import USUAL
from token_rotation.postgres.silence.sockets import cut_after
from token_rotation.postgres.silence.watched import WatchedConnections, watch_of
from token_rotation.postgres.transaction_settings import limited_lock_waits, without_standby

APPLICATION_NAME = "rotate_tokens"

RECORDS_LOCK_WAIT_MS = 1_000

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
    application_name: str | None = APPLICATION_NAME,
    startup_options: str = "",
    connect_seconds: int | None = None,
    watched: WatchedConnections | None = None,
) -> BaseDatabaseWrapper:
    """A new Django wrapper of an alias, not connected.

    Its sessions bear ``application_name``; None: the alias's. ``startup_options`` ("-c name=value
    ...") come after those of the alias or of PGOPTIONS. ``connect_seconds`` bounds the alias's
    connect_timeout. NOTICE_A_LOST_SERVER applies where the alias says nothing. ``watched`` makes
    its connections, unless the alias has a factory of its own.
    """
    wrapper = connections[alias].copy()
    options = wrapper.settings_dict["OPTIONS"]
    for name, value in NOTICE_A_LOST_SERVER.items():
        options.setdefault(name, value)
    if application_name is not None:
        options["application_name"] = application_name
    options.pop("pool", None)  # its connections have the alias's own options
    driver.unhook(wrapper.settings_dict)
    if watched is not None:
        driver.hook(wrapper.settings_dict, watched)
    if connect_seconds is not None:
        own_seconds = int(options["connect_timeout"])  # 0 or less: no bound
        options["connect_timeout"] = (
            min(own_seconds, connect_seconds) if own_seconds > 0 else connect_seconds
        )
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
    """Return a connection of the driver that any thread may use.

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
    driver.make_own(raw)
    return raw


@contextmanager
def watched_session(
    alias: str,
    *,
    application_name: str | None = None,
    connect_seconds: int | None = None,
    observe: Observer = lambda _: None,
) -> Iterator[Callable[[], None]]:
    """Give the calling thread a session of its own, whose server may not fall silent for long.

    The thread reaches the alias through it while inside. Django raises an OperationalError where
    the connection counts as lost. ``observe`` hears, from another thread, what a statement without
    an answer waits for. Yields a function that cancels the statement in flight. It returns at once,
    and a signal handler may call it; a connection that it does not end soon is dropped.
    """
    before = connections[alias]
    watched = WatchedConnections(USUAL, observe)
    own = own_wrapper(
        alias,
        application_name=application_name,
        connect_seconds=connect_seconds,
        watched=watched,
    )

    def cancel() -> None:
        watch = watch_of(own.connection)
        if watch is not None:
            watch.end_statement()

    connections[alias] = own
    try:
        yield cancel
    finally:
        own.close()
        connections[alias] = before


@contextmanager
def patience(alias: str, factor: float) -> Iterator[None]:
    """Let statements be without a sign of life ``factor`` times as long as usual while inside.

    Those of the thread's ``watched_session``, as long as its connection is not made anew.
    """
    wrapper = connections[alias]
    wrapper.ensure_connection()
    watch = watch_of(wrapper.connection)
    if watch is not None:
        with watch.patience(factor):
            yield
    else:
        yield


@contextmanager
def own_session(
    alias: str, *, connect_seconds: int | None = None, observe: Observer = lambda _: None
) -> Iterator[Callable[[], None]]:
    """Give the calling thread a ``watched_session`` for the records of operations.

    No statement waits for a lock for more than a second there: Django then raises an
    OperationalError. No COMMIT waits for a synchronous standby.
    """
    with (
        watched_session(
            alias,
            application_name=APPLICATION_NAME,
            connect_seconds=connect_seconds,
            observe=observe,
        ) as cancel,
        limited_lock_waits(alias, RECORDS_LOCK_WAIT_MS),
        without_standby(alias),
    ):
        yield cancel
