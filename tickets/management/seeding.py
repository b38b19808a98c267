"""Fill the ticket table with leaked and fresh tickets.

Leaked tickets are as the old application left them. COPY loads one chunk a transaction, so memory
does not grow with the number of rows.
"""

import io
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from uuid import uuid4

import pgtrigger
from django.db import connections, transaction
from django.db.models import Model
from pgtrigger.core import INSTALLED

from tickets.management import sql
from tickets.models import Message, Ticket
from token_rotation.postgres import django_cursor, who_holds

CHUNK_ROWS = 25_000
LOCK_TIMEOUT_MS = 10_000
RESET_LOCK_TIMEOUT_MS = 2_000
AGE_DAYS = 730

TABLE = Ticket._meta.db_table
PLAIN_COLUMNS = ("subject", "status", "created_at")
SUBJECTS = (
    "Cannot log in",
    "Invoice is missing",
    "Refund for a double payment",
    "Export stops half-way",
    "Password mail does not arrive",
    "Delivery address has changed",
    "App closes when opening a photo",
    "Question about the contract",
)
STATUSES = tuple(Ticket.Status.values)


def table_columns(alias: str) -> set[str]:
    """Return the ticket table's columns in the database.

    There are none if there is no table.
    """
    with django_cursor(connections[alias]) as cursor:
        cursor.execute(sql.columns_of(TABLE))
        return {name for (name,) in cursor.fetchall()}


def holders(alias: str) -> str:
    """Return who locks the tables now, in one line."""
    return who_holds(connections[alias], [TABLE, Message._meta.db_table])


def issues_fresh_tokens(alias: str) -> bool:
    """Return True if the insert guard is installed and enabled.

    It must be as in the model.
    """
    model, trigger = _insert_guard()
    return trigger.get_installation_status(model, database=alias) == (INSTALLED, True)


def delete_all(alias: str) -> None:
    """Empty the table and those that refer to it.

    Gives up if it waits 2 s for the locks, since readers queue behind it.
    """
    with transaction.atomic(using=alias), django_cursor(connections[alias]) as cursor:
        cursor.execute(sql.limit_lock_wait(RESET_LOCK_TIMEOUT_MS))
        cursor.execute(sql.truncate(TABLE))


class Progress(Protocol):
    """Hears that a chunk is about to commit, and that it has."""

    def committing(self, rows: int) -> None: ...

    def committed(self, rows: int) -> None: ...


def holds_tickets(alias: str) -> bool:
    """Return True if there is a ticket. Waits 10 s for the table at most."""
    with transaction.atomic(using=alias):
        _limit_lock_wait(alias)
        return Ticket.objects.using(alias).exists()


def add_leaked(alias: str, rows: int, progress: Progress) -> None:
    """Add tickets with tokens made in Python and no marker.

    It works on the old and on the new schema. A chunk waits 10 s for the table at most.
    """
    marker = "token_rotated_at" in table_columns(alias)
    columns = (*PLAIN_COLUMNS, "token", *(["token_rotated_at"] if marker else []))
    # An explicit NULL (\N): without it the column gets its default, and the ticket looks safe.
    end = "\t\\N\n" if marker else "\n"
    lines = (f"{line}\t{uuid4()}{end}" for line in _plain_lines(rows))
    for chunk_rows in _chunks(rows):
        with transaction.atomic(using=alias):
            _limit_lock_wait(alias)
            if marker:
                _ignore_insert_guard(alias)
            _copy(alias, columns, lines, chunk_rows)
            progress.committing(chunk_rows)
        progress.committed(chunk_rows)


def add_fresh(alias: str, rows: int, progress: Progress) -> None:
    """Add tickets whose token and marker the insert guard issues.

    A chunk waits 10 s for the table at most.
    """
    lines = (f"{line}\n" for line in _plain_lines(rows))
    for chunk_rows in _chunks(rows):
        with transaction.atomic(using=alias):
            _limit_lock_wait(alias)
            _copy(alias, PLAIN_COLUMNS, lines, chunk_rows)
            progress.committing(chunk_rows)
        progress.committed(chunk_rows)


def _limit_lock_wait(alias: str) -> None:
    with django_cursor(connections[alias]) as cursor:
        cursor.execute(sql.limit_lock_wait(LOCK_TIMEOUT_MS))


def _copy(alias: str, columns: Iterable[str], lines: Iterator[str], count: int) -> None:
    # A chunk is a few MB. Made beforehand, so that no Python code of ours runs during the COPY:
    # the driver reports what such code raises as a cancelled query.
    chunk = io.BytesIO("".join(islice(lines, count)).encode())
    connection = connections[alias]
    with django_cursor(connection) as cursor, connection.wrap_database_errors:
        cursor.copy(sql.copy(TABLE, columns), chunk)


def _ignore_insert_guard(alias: str) -> None:
    model, trigger = _insert_guard()
    with django_cursor(connections[alias]) as cursor:
        cursor.execute(sql.ignore_trigger(trigger.get_pgid(model)))


def _insert_guard() -> tuple[Model, pgtrigger.Trigger]:
    (registered,) = pgtrigger.registered(f"{Ticket._meta.label}:guard_insert")
    return registered


def _plain_lines(rows: int) -> Iterator[str]:
    # Fake customer data: no secret depends on this randomness.
    chance = random.Random()
    now = datetime.now(UTC)
    for _ in range(rows):
        subject = SUBJECTS[int(chance.random() * len(SUBJECTS))]
        status = STATUSES[int(chance.random() * len(STATUSES))]
        created_at = now - timedelta(days=chance.random() * AGE_DAYS)
        yield f"{subject} #{int(chance.random() * 1e6)}\t{status}\t{created_at}"


def _chunks(rows: int) -> Iterator[int]:
    for start in range(0, rows, CHUNK_ROWS):
        yield min(CHUNK_ROWS, rows - start)
