"""Run CREATE and DROP INDEX CONCURRENTLY.

They may wait long, and block nobody.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation.postgres.ddl_locks import holders, sql
from token_rotation.postgres.ddl_locks.attempts import SECONDS_BETWEEN_NOTICES, Notices
from token_rotation.postgres.opening import own_wrapper
from token_rotation.postgres.statements import BACKEND_PID
from token_rotation.postgres.text_cursor import django_cursor

APPLICATION_NAME = "migrate"

# lock_timeout would also end CONCURRENTLY's waits for old transactions. These waits harm nobody: a
# SHARE UPDATE EXCLUSIVE lock stops no read and no write, not even while it waits. A
# statement_timeout meant for web requests would cancel the build of a large index over and over.
TIMEOUTS = ("lock_timeout", "statement_timeout", "transaction_timeout")


@contextmanager
def in_the_background(connection: BaseDatabaseWrapper, what: str) -> Iterator[None]:
    """Run one CONCURRENTLY statement in this block without timeouts.

    It prints the session that it waits for. ``what`` begins each line, e.g. the index's name. Not
    inside a transaction.
    """
    with _without_timeouts(connection), _notices(connection, what):
        yield


@contextmanager
def _without_timeouts(connection: BaseDatabaseWrapper) -> Iterator[None]:
    # CONCURRENTLY cannot run in a transaction, so SET LOCAL has no effect. Only settings that are
    # not 0 are changed for the session, and restored.
    before: dict[str, str] = {}
    try:
        with django_cursor(connection) as cursor:
            for name in TIMEOUTS:
                cursor.execute(sql.read_timeout(name))
                (value,) = cursor.fetchone()
                if value not in (None, "0"):
                    cursor.execute(sql.set_timeout(name, "0", local=False))
                    before[name] = value
        yield
    finally:
        if before and connection.is_usable():
            with django_cursor(connection) as cursor:
                for name, value in before.items():
                    cursor.execute(sql.set_timeout(name, value, local=False))


@contextmanager
def _notices(connection: BaseDatabaseWrapper, what: str) -> Iterator[None]:
    with django_cursor(connection) as cursor:
        cursor.execute(BACKEND_PID)
        (pid,) = cursor.fetchone()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(connection, pid, what, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(connection: BaseDatabaseWrapper, pid: int, what: str, done: threading.Event) -> None:
    # The statement occupies the migration's connection, so the watcher opens one of its own. If it
    # cannot (too many connections, say), the migration must not fail.
    notices = Notices()
    with suppress(DatabaseError):
        while not done.wait(SECONDS_BETWEEN_NOTICES):
            own = own_wrapper(connection.alias, application_name=APPLICATION_NAME)
            try:
                in_the_way = holders.blockers(own, pid)
            finally:
                own.close()
            if in_the_way:
                notices.show(
                    f"{what}: waiting for older transactions, reads and writes go on:"
                    f" {holders.in_words(in_the_way)}"
                )
