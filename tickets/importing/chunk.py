"""Import one chunk of rows in one transaction.

The number of statements does not depend on the number of rows:

1. Lock the operation, so that nobody ends it while rows are added to it.
2. Look up which references are stored.
3. INSERT the tickets that are new, whose tokens come from the database.
4. INSERT their references; the unique constraint decides between two imports.
5. INSERT their messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import DatabaseError, Error, transaction
from django.db.models import Model

from tickets.importing.row import BadLine, Row
from tickets.models import ImportedTicket, Message, Ticket
from token_rotation.operations import Status
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation

ONCE = "tickets_imported_once"

Stored = TypeVar("Stored", bound=Model)


class LeftOutError(DatabaseError):
    """A trigger that left a row out, without an error."""


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """The outcome of a chunk's rows.

    It covers the rows up to the one that begins in ``last_line``. ``clashes`` are references that
    were imported before with other contents.
    """

    imported: int
    already_there: int
    clashes: tuple[BadLine, ...]
    last_line: int


def import_chunk(
    database: str,
    operation: BatchOperation,
    rows: Sequence[Row],
    committed: Callable[[ChunkDone], None],
    *,
    committing: Callable[[], None] = lambda: None,
    strict: bool = False,
) -> None:
    """Import the new rows: all or, on any error, none.

    New are rows that are not stored yet. With ``strict`` it imports only those before the first
    clash. ``committing`` is called before the COMMIT, ``committed`` after that of the outermost
    transaction, and never after a rollback.

    Raises NotRunningError if somebody ended the operation, and LeftOutError. Raises IntegrityError
    about the constraint ``ONCE`` if another import stored a reference first: try again.
    """
    with transaction.atomic(using=database):
        _lock_running(database, operation)
        new, done = _compare(rows, _stored_digests(database, rows), strict=strict)
        _insert(database, operation, new)
        transaction.on_commit(lambda: committed(done), using=database)
        committing()


def lost_a_race(error: Error) -> bool:
    """Return True if another import stored a reference first.

    It stored the reference after this import had looked it up.
    """
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == ONCE


def _lock_running(database: str, operation: BatchOperation) -> None:
    """Lock the operation's row until the transaction ends.

    So nobody ends the operation before. NO KEY: new foreign keys to the operation, such as those
    written below, do not wait.
    """
    locked = (
        BatchOperation.objects.using(database)
        .select_for_update(no_key=True)
        .filter(pk=operation.pk)
        .values_list("status", flat=True)
        .first()
    )
    if locked != Status.RUNNING:
        raise NotRunningError(str(operation), Status(locked) if locked else None)


def _stored_digests(database: str, rows: Sequence[Row]) -> dict[str, bytes]:
    found = (
        ImportedTicket.objects.using(database)
        .filter(reference__in=[row.reference for row in rows])
        .values_list("reference", "digest")
    )
    return {reference: bytes(digest) for reference, digest in found}


def _compare(
    rows: Sequence[Row], known: dict[str, bytes], *, strict: bool
) -> tuple[list[Row], ChunkDone]:
    """Return the new rows, and the outcome after their insertion.

    Adds them to ``known``.
    """
    new: list[Row] = []
    clashes: list[BadLine] = []
    already_there = 0
    last_line = 0
    for row in rows:
        last_line = row.line
        if row.reference not in known:
            known[row.reference] = row.digest
            new.append(row)
        elif known[row.reference] == row.digest:
            already_there += 1
        else:
            clashes.append(_clash(row))
            if strict:
                break
    return new, ChunkDone(len(new), already_there, tuple(clashes), last_line)


def _insert(database: str, operation: BatchOperation, rows: Sequence[Row]) -> None:
    tickets = _created(database, [Ticket(subject=row.subject, status=row.status) for row in rows])
    pairs = list(zip(tickets, rows, strict=True))
    # In one order for all imports: two of them wait for each other, and do not deadlock.
    _created(
        database,
        [
            ImportedTicket(
                ticket=ticket, operation=operation, reference=row.reference, digest=row.digest
            )
            for ticket, row in sorted(pairs, key=lambda pair: pair[1].reference)
        ],
    )
    _created(database, [Message(ticket=ticket, body=row.body) for ticket, row in pairs])


def _created(database: str, objects: list[Stored]) -> list[Stored]:
    if not objects:
        return []
    try:
        return type(objects[0])._base_manager.using(database).bulk_create(objects)  # noqa: SLF001
    except (AssertionError, TypeError):  # Django's: fewer rows came back than went in, or none
        raise LeftOutError("a trigger left it out") from None


def _clash(row: Row) -> BadLine:
    reason = "the reference was imported before with other contents; the ticket stays as it is"
    return BadLine(row.line, row.line, reason)
