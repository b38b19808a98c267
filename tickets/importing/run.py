"""Run one import for an operator.

The import is recorded and shown, answers signals, and is summarized.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any, TextIO

import psycopg2
from django.db import connections

from tickets.importing.counts import Counts
from tickets.importing.display import ImportDisplay
from tickets.importing.errors import ImportTicketsError, RefusedError
from tickets.importing.options import ImportOptions
from tickets.importing.refusal import DATABASE_ERRORS, refusal_of
from tickets.importing.source import Source, opened
from tickets.importing.work import Work
from tickets.models import ImportedTicket
from token_rotation.command_line import StopSignal, answering_signals, stop_on_signal
from token_rotation.operations import StoredError, describe_explained, describe_unforeseen
from token_rotation.operations.errors import OperationError
from token_rotation.operations.models import BatchOperation

OPERATION_TYPE = "import_tickets"

GO_ON = "Run the same command again to go on: it skips what is imported."


def run_import(options: ImportOptions, *, out: TextIO, err: TextIO | None) -> bool:
    """Import a file; return True if all of it arrived.

    All of it is in the database then. The first SIGINT or SIGTERM ends it after the current chunk,
    the second rolls that chunk back. Raises ImportTicketsError.
    """
    stop = StopSignal()
    with opened(options.file) as source, stop_on_signal(stop):
        try:
            operation = _begin(source, options)
        except DATABASE_ERRORS as error:
            if isinstance(error.__cause__, psycopg2.Error) and error.__cause__.pgcode is None:
                raise  # the server cannot be reached
            raise RefusedError(f"{refusal_of(error)}. Nothing was imported.") from None
        return _run(operation, source, options, stop, out=out, err=err)


def _begin(source: Source, options: ImportOptions) -> BatchOperation:
    """Record that the import begins."""
    _check_schema(options.database)
    return BatchOperation.objects.using(options.database).create_synchronous(
        OPERATION_TYPE,
        input_data={
            "file": _storable(options.file, connections[options.database]),
            "size_bytes": source.size_bytes,
            "chunk_rows": options.chunk_rows,
            "strict": options.strict,
        },
    )


def _storable(name: str, connection: Any) -> str:
    """Return a file's name as this database can store it: any bytes may be in it."""
    connection.ensure_connection()
    encoding = connection.connection.info.parameter_status("server_encoding")
    text = os.fsencode(name).decode(errors="backslashreplace")
    return text if encoding == "UTF8" else text.encode("ascii", "backslashreplace").decode()


def _run(
    operation: BatchOperation,
    source: Source,
    options: ImportOptions,
    stop: StopSignal,
    *,
    out: TextIO,
    err: TextIO | None,
) -> bool:
    counts = Counts()
    display = ImportDisplay(source, counts, out=out, err=err, clock=time.monotonic)
    work = Work(source, options, operation, counts, display, stop)
    error: StoredError | None = None
    failed: ImportTicketsError | None = None
    try:
        answering_signals(work.run)
    except ImportTicketsError as ended_by:
        failed, error = ended_by, describe_explained(ended_by)
    except BaseException as ended_by:
        error = describe_unforeseen(ended_by)
        raise
    finally:
        display.close()
        _finish(operation, options, work, error)
    if failed:
        raise ImportTicketsError(
            f"{failed}. {counts.imported:,} tickets were imported. {GO_ON}"
            if counts.imported
            else f"{failed}. Nothing was imported."
        )
    print(_sentence(operation, options, work), file=out, flush=True)
    return work.finished and not counts.bad


def _check_schema(database: str) -> None:
    table = ImportedTicket._meta.db_table
    if table not in connections[database].introspection.table_names():
        raise RefusedError(
            f"database {database!r} has no table {table}. Nothing was imported. Run migrate first."
        )


def _finish(
    operation: BatchOperation, options: ImportOptions, work: Work, error: StoredError | None
) -> None:
    """Record how the import ended.

    If that fails too, the record looks like that of a killed import. Count the tickets in the
    table: the answer to a COMMIT may have been lost.
    """
    connections[options.database].close()  # it may be broken; the next statement opens another
    outcome = "error" if error else "complete" if work.finished else "stopped"
    if error is None and options.strict and work.counts.first_bad:
        error = StoredError("", f"Stopped at the first bad line. {work.counts.first_bad[0]}")
    with suppress(*DATABASE_ERRORS):
        imported = ImportedTicket.objects.using(options.database).filter(operation=operation)
        work.counts.imported = imported.count()
    unfinished = "" if error else work.counts.unfinished()
    with suppress(*DATABASE_ERRORS, OperationError):
        operation.beat(work.counts.records)
        operation.finish(
            failed=error is not None,
            output_data={
                "outcome": outcome,
                "error": error and error.as_json(),
                "last_line": work.line,
                **({"unfinished": unfinished} if unfinished else {}),
                **work.counts.as_data(),
            },
        )


def _sentence(operation: BatchOperation, options: ImportOptions, work: Work) -> str:
    counts = work.counts
    if options.strict and counts.bad:
        beginning = "Stopped at the first bad line; the good ones before it are in. "
    elif work.finished:
        beginning = ""
    else:
        beginning = f"Stopped after line {work.line:,}. {GO_ON} "
    return (
        f"{beginning}Imported {counts.imported:,} tickets; {counts.already_there:,} were there"
        f" already, {counts.bad:,} bad lines. Operation {operation.pk}."
    )
