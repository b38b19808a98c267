"""The record of an import, in the session of the calling thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import connections

from tickets.importing.errors import LockedError, RefusedError, Stopped
from tickets.importing.options import ImportOptions
from tickets.importing.reading.source import Source
from tickets.importing.refusal import DATABASE_ERRORS
from tickets.importing.retries import Retries, Tries
from tickets.importing.work import Work
from tickets.models import ImportedTicket
from token_rotation.operations import StoredError
from token_rotation.operations.errors import OperationError
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres import is_lost, reason_of, without_standby

OPERATION_TYPE = "import_tickets"
AT_ONCE = Tries(locked_seconds=0.0, slow_seconds=0.0)
AT_THE_END = Tries(locked_seconds=10.0, slow_seconds=10.0)


def begin(source: Source, options: ImportOptions, key: UUID) -> BatchOperation:
    """Record that the import begins. Repeated with the same ``key``, it begins one.

    Raises RefusedError.
    """
    _check_schema(options.database)
    with without_standby(options.database):
        return BatchOperation.objects.using(options.database).create_synchronous(
            OPERATION_TYPE,
            key=key,
            input_data={
                "file": _storable(options.file, connections[options.database]),
                "size_bytes": source.size_bytes,
                "chunk_rows": options.chunk_rows,
                "strict": options.strict,
            },
        )


def finish(
    operation: BatchOperation,
    options: ImportOptions,
    work: Work,
    error: StoredError | None,
    retries: Retries,
    warn: Callable[[str], None],
) -> bool:
    """Record how the import ended. Returns True if the tickets in the table could be counted.

    The answer to a COMMIT may have been lost. If the record cannot be written either, it looks
    like that of a killed import, and ``warn`` hears why.
    """
    outcome = "error" if error else "complete" if work.finished else "stopped"
    if error is None and options.strict and work.counts.first_bad:
        error = StoredError("", f"Stopped at the first bad line. {work.counts.first_bad[0]}")
    unfinished = "" if error else work.counts.unfinished()
    counted = False
    try:
        imported = ImportedTicket.objects.using(options.database).filter(operation=operation)
        work.counts.imported = retries.do(imported.count, tries=AT_ONCE)
        counted = True
    except (LockedError, Stopped):
        pass
    except DATABASE_ERRORS as failure:
        if is_lost(failure):
            warn(_not_recorded(operation, reason_of(failure)))
            return False
    output = {
        "outcome": outcome,
        "error": error and error.as_json(),
        "last_line": work.line,
        **({"unfinished": unfinished} if unfinished else {}),
    }

    def end() -> None:
        operation.beat(work.counts.records)
        operation.finish(failed=error is not None, output_data={**output, **work.counts.as_data()})

    try:
        with suppress(OperationError), without_standby(options.database):
            retries.do(end, tries=AT_THE_END)
    except (*DATABASE_ERRORS, LockedError, Stopped) as failure:
        reason = str(failure) if isinstance(failure, LockedError | Stopped) else reason_of(failure)
        warn(_not_recorded(operation, reason))
    return counted


def _not_recorded(operation: BatchOperation, reason: str) -> str:
    return f"The end of {operation} could not be recorded: {reason}. What was imported stays."


def _check_schema(database: str) -> None:
    table = ImportedTicket._meta.db_table
    if table not in connections[database].introspection.table_names():
        raise RefusedError(
            f"database {database!r} has no table {table}. Nothing was imported. Run migrate first."
        )


def _storable(name: str, connection: Any) -> str:
    """Return a file's name as this database can store it: any bytes may be in it."""
    connection.ensure_connection()
    encoding = connection.connection.info.parameter_status("server_encoding")
    text = os.fsencode(name).decode(errors="backslashreplace")
    return text if encoding == "UTF8" else text.encode("ascii", "backslashreplace").decode()
