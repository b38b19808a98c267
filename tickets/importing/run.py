"""Run one import for an operator.

The import is recorded and shown, answers signals, and is summarized.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TextIO
from uuid import uuid4

from tickets.importing.counts import Counts
from tickets.importing.display import ImportDisplay
from tickets.importing.errors import ImportTicketsError, LockedError, RefusedError, Stopped
from tickets.importing.options import ImportOptions
from tickets.importing.reading.source import Source, opened
from tickets.importing.record import begin, finish
from tickets.importing.refusal import DATABASE_ERRORS, refusal_of
from tickets.importing.retries import Retries
from tickets.importing.session import Session
from tickets.importing.work import Work
from token_rotation.command_line import StopSignal, stop_on_signal
from token_rotation.operations import StoredError, describe_explained, describe_unforeseen
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres import is_lost

GO_ON = "Run the same command again to go on: it skips what is imported."


def run_import(options: ImportOptions, *, out: TextIO, err: TextIO | None) -> bool:
    """Import a file; return True if all of it arrived.

    All of it is in the database then. The first SIGINT or SIGTERM ends it after the current chunk,
    the second rolls that chunk back. If the server does not answer that in time, the process ends.
    Raises ImportTicketsError.
    """
    stop, counts = StopSignal(), Counts()
    with opened(options.file) as source, stop_on_signal(stop):
        display = ImportDisplay(source, counts, out=out, err=err, clock=time.monotonic)
        session = Session(options.database, stop, display.waits)
        retries = Retries(options.database, counts, stop, display.waits)
        with closing(display):
            operation = _begin(session, retries, source, options, stop)
            if operation is None:
                display.say("Stopped before it began. Nothing was imported.")
                return False
            work = Work(source, options, operation, counts, display, stop, retries)
            known = _work(work, session, operation, options, retries, display.warn)
        display.say(_sentence(operation, options, work, known=known))
        return work.finished and not counts.bad


def _begin(
    session: Session, retries: Retries, source: Source, options: ImportOptions, stop: StopSignal
) -> BatchOperation | None:
    try:
        return session.do(partial(retries.do, partial(begin, source, options, uuid4())))
    except Stopped:
        return None
    except LockedError as error:
        raise LockedError(
            f"{error}. Nothing was imported. Run it again when that is gone"
        ) from None
    except DATABASE_ERRORS as error:
        if stop.aborted:
            return None
        if is_lost(error):
            raise  # the server cannot be reached
        raise RefusedError(f"{refusal_of(error)}. Nothing was imported.") from None


def _work(
    work: Work,
    session: Session,
    operation: BatchOperation,
    options: ImportOptions,
    retries: Retries,
    warn: Callable[[str], None],
) -> bool:
    """Import, and record the end. Returns False if a COMMIT's outcome is not known.

    Raises ImportTicketsError.
    """
    error: StoredError | None = None
    failed: ImportTicketsError | None = None
    counted = False
    try:
        session.do(work.run)
    except ImportTicketsError as ended_by:
        failed, error = ended_by, describe_explained(ended_by)
    except BaseException as ended_by:
        error = describe_unforeseen(ended_by)
        raise
    finally:
        ending = partial(finish, operation, options, work, error, retries, warn)
        counted = session.do(ending, ends_on_abort=False)
    known = counted or not work.in_doubt
    if failed is not None:
        raise ImportTicketsError(f"{failed}. {_outcome(work, known=known)}")
    return known


def _outcome(work: Work, *, known: bool) -> str:
    imported = work.counts.imported
    if not known:
        return f"At least {imported:,} tickets were imported. {_doubt(work)} {GO_ON}"
    return f"{imported:,} tickets were imported. {GO_ON}" if imported else "Nothing was imported."


def _doubt(work: Work) -> str:
    return f"It is not known whether the chunk after line {work.line:,} was imported, too."


def _sentence(operation: BatchOperation, options: ImportOptions, work: Work, *, known: bool) -> str:
    counts = work.counts
    if options.strict and counts.bad:
        beginning = "Stopped at the first bad line; the good ones before it are in. "
    elif work.finished:
        beginning = ""
    else:
        doubt = "" if known else f"{_doubt(work)} "
        beginning = f"Stopped after line {work.line:,}. {doubt}{GO_ON} "
    return (
        f"{beginning}Imported {counts.imported:,} tickets; {counts.already_there:,} were there"
        f" already, {counts.bad:,} bad lines. Operation {operation.pk}."
    )
