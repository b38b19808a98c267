"""Fill the ticket table: leaked tickets as the old application left them, and fresh ones.

Rows go in with COPY, one transaction a chunk, so memory stays the same for any number.
"""

import io
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import uuid4

import pgtrigger
from django.db import connections, transaction
from django.db.models import Model
from pgtrigger.core import INSTALLED
from psycopg2.sql import SQL, Composed, Identifier, Literal

from tickets.models import Ticket

CHUNK_ROWS = 25_000
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
    """The ticket table's columns as they are in the database; none when there is no table."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return set()
        return {
            column.name for column in connection.introspection.get_table_description(cursor, TABLE)
        }


def issues_fresh_tokens(alias: str) -> bool:
    """Whether the insert guard is there and enabled, as in the model."""
    model, trigger = _insert_guard()
    return trigger.get_installation_status(model, database=alias) == (INSTALLED, True)


def delete_all(alias: str) -> None:
    """Empty the table, and those that refer to its rows.

    Locks them ACCESS EXCLUSIVE, and gives up after 2 s in which it cannot: readers would queue up.
    """
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(
            SQL("SELECT set_config('lock_timeout', {timeout}, true)").format(
                timeout=Literal(f"{RESET_LOCK_TIMEOUT_MS}ms")
            )
        )
        cursor.execute(SQL("TRUNCATE {table} CASCADE").format(table=Identifier(TABLE)))


def add_leaked(alias: str, rows: int, added: Callable[[int], None]) -> None:
    """Add tickets with tokens made in Python and no marker, on the old schema or the new one.

    ``added`` is called with a number of rows after each commit.
    """
    marker = "token_rotated_at" in table_columns(alias)
    columns = (*PLAIN_COLUMNS, "token", *(["token_rotated_at"] if marker else []))
    # \N says NULL aloud: left out, the column would get its default, and the ticket pass for safe.
    end = "\t\\N\n" if marker else "\n"
    lines = (f"{line}\t{uuid4()}{end}" for line in _plain_lines(rows))
    for chunk_rows in _chunks(rows):
        with transaction.atomic(using=alias):
            if marker:
                _ignore_insert_guard(alias)
            _copy(alias, columns, lines, chunk_rows)
        added(chunk_rows)


def add_fresh(alias: str, rows: int, added: Callable[[int], None]) -> None:
    """Add tickets whose token and marker come from the insert guard.

    ``added`` is called with a number of rows after each commit.
    """
    lines = (f"{line}\n" for line in _plain_lines(rows))
    for chunk_rows in _chunks(rows):
        with transaction.atomic(using=alias):
            _copy(alias, PLAIN_COLUMNS, lines, chunk_rows)
        added(chunk_rows)


def _copy(alias: str, columns: Iterable[str], lines: Iterator[str], count: int) -> None:
    # A chunk is a few MB. Made beforehand, no Python code of ours runs while the server loads it:
    # what such code raises, psycopg2 reports as a cancelled query.
    chunk = io.BytesIO("".join(islice(lines, count)).encode())
    connection = connections[alias]
    with connection.cursor() as cursor, connection.wrap_database_errors:
        # copy_expert, unlike execute, takes text only, and Django does not wrap its errors.
        cursor.copy_expert(_copy_sql(columns).as_string(cursor.connection), chunk, size=1 << 16)


def _copy_sql(columns: Iterable[str]) -> Composed:
    return SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=Identifier(TABLE), columns=SQL(", ").join(map(Identifier, columns))
    )


def _ignore_insert_guard(alias: str) -> None:
    # What pgtrigger.ignore does, as a statement of its own: that works through Django's execute
    # wrappers, which COPY does not pass, and it outlives the transaction as an empty setting.
    model, trigger = _insert_guard()
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT set_config('pgtrigger.ignore', %s, true)", [f"{{{trigger.get_pgid(model)}}}"]
        )


def _insert_guard() -> tuple[Model, pgtrigger.Trigger]:
    (registered,) = pgtrigger.registered(f"{Ticket._meta.label}:guard_insert")
    return registered


def _plain_lines(rows: int) -> Iterator[str]:
    # Stand-ins for customers' data: no secret is made of this randomness.
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
