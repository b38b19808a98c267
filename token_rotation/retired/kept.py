"""Recognise a retired token; prove that none is in use."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model

from token_rotation import wording
from token_rotation.errors import NotReadyError, RotationError
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.models import RetiredToken
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.security_log import SecurityEvent, tell
from token_rotation.selection.target import Target
from token_rotation.signals import retired_token_used
from token_rotation.sql import retired as retired_sql
from token_rotation.triggers.retired import KeepRetired

logger = logging.getLogger(__name__)


def keeps_retired(model: type[Model]) -> bool:
    """Return True if a model keeps hashes of replaced tokens."""
    triggers = getattr(model._meta, "triggers", [])
    return any(isinstance(trigger, KeepRetired) for trigger in triggers)


def keeping_retired(targets: Sequence[Target]) -> list[Target]:
    """Return the targets whose replaced tokens are kept.

    Raises RotationError if none.
    """
    keeping = [target for target in targets if keeps(target)]
    if not keeping:
        labels = ", ".join(target.label for target in targets)
        raise RotationError(
            f"no retired tokens are kept of {labels}, so that only a list of what leaked can tell: "
            "verify_tokens FILE. Nothing was done; docs/how-to/keep-retired-tokens.md says how "
            "they are kept"
        )
    return keeping


def is_retired(token: object, *, database: str = DEFAULT_DB_ALIAS) -> bool:
    """Return True if a token was replaced.

    It takes one look-up by the primary key and sends no signal.

    ``token`` is what its field gives: str, UUID, int or bytes. Text must have the stored case.
    """
    return _found(token, database) is not None


def recognise(token: object, *, database: str = DEFAULT_DB_ALIAS) -> datetime | None:
    """Return when a token was replaced, or None.

    Somebody has just used it. None: it was not replaced. If it was, send ``retired_token_used`` and
    log a warning, both without the token.
    """
    found = _found(token, database)
    if found is None:
        return None
    logger.warning(
        "a token of %s that was replaced at %s was used",
        found.source,
        found.retired_at.isoformat(timespec="seconds"),
    )
    tell(
        SecurityEvent.RETIRED_TOKEN_USED,
        "somebody used a token that was replaced",
        database=database,
        source=found.source,
        retired_at=found.retired_at.isoformat(timespec="seconds"),
    )
    retired_token_used.send_robust(
        sender=RetiredToken, database=database, source=found.source, retired_at=found.retired_at
    )
    return found.retired_at


def still_valid(
    connection: Connection, target: Target, *, at_most_seconds: float | None = None
) -> int:
    """Count a target's rows with a retired token; expect 0.

    The token may have been retired in any table. Reads both tables once, however long that takes,
    or until PostgreSQL cancels it after ``at_most_seconds``. Raises NotReadyError if there is no
    table of retired tokens; driver errors pass through.
    """
    table_pages(connection)
    settings = (statements.LIMIT_LOOK, statements.AVOID_NESTED_LOOPS)
    query = statements.together(*settings, retired_sql.count_still_valid(target))
    limit = 0 if at_most_seconds is None else max(1, int(at_most_seconds * 1000))
    return int(connection.value(query, {"statement_timeout_ms": limit}))


def verify_none_in_use(
    connection: Connection, target: Target, verdict: Verdict | Unread, at_most_seconds: float | None
) -> tuple[Verdict | Unread, int | None]:
    """Count the rows with a retired token, if nothing else is left to find.

    Return the verdict and the number. The number is None where it was not counted. The verdict is
    Unread if the count took longer than ``at_most_seconds`` (None: no bound): then nobody knows.
    """
    if not (keeps(target) and verdict.nothing_pending):
        return verdict, None
    try:
        return verdict, still_valid(connection, target, at_most_seconds=at_most_seconds)
    except driver.Error as error:
        if at_most_seconds is None or fault_of(error) is not Fault.TIMED_OUT:
            raise
        because = f"the count of retired tokens in use was given up after {at_most_seconds:g} s"
        return Unread(because), None


def table_pages(connection: Connection) -> int:
    """Return the pages of the table of hashes.

    Raises NotReadyError if it does not exist.
    """
    pages = connection.value(retired_sql.pages())
    if pages is None:
        missing = "There is no table of retired tokens yet. Run: python manage.py migrate"
        raise NotReadyError((missing,))
    return int(pages)


def digest(token: object) -> bytes:
    """Return the SHA-256 of PostgreSQL's text of a token."""
    text = f"\\x{token.hex()}" if isinstance(token, bytes) else str(token)
    return hashlib.sha256(text.encode()).digest()


class Retired(NamedTuple):
    """What is kept of a retired token, and not the token."""

    source: str
    retired_at: datetime


def _found(token: object, database: str) -> Retired | None:
    """Look the token up, where row security would hide it with an error.

    Outside a transaction, in one message. Inside one, in a savepoint that is rolled back, so that
    the setting ends with it.
    """
    connection = connections[database]
    query, values = retired_sql.look_up(), {"hash": digest(token)}
    if connection.get_autocommit():
        with django_cursor(connection) as cursor:
            message = statements.together(statements.EVERY_ROW_OR_ERROR, query)
            cursor.execute(message, values)
            found = cursor.fetchone()
    else:
        with transaction.atomic(using=database), django_cursor(connection) as cursor:
            cursor.execute(statements.EVERY_ROW_OR_ERROR)
            cursor.execute(query, values)
            found = cursor.fetchone()
            transaction.set_rollback(True, using=database)
    return None if found is None else Retired(*found)


def retired_as_sentence(target: Target, rows: int) -> str:
    """Say how many rows have a token that was replaced, and what to type."""
    if rows == 0:
        return f"{target.label}: no retired token opens anything."
    return f"{target.label}: {retired_in_use(rows)}. To replace: {mend_retired(target)}"


def retired_in_use(rows: int) -> str:
    """Say how many rows have a token that was retired; ``rows`` is not 0."""
    verb, them = ("has", "it") if rows == 1 else ("have", "them")
    return f"{wording.things(rows, 'row')} {verb} a token that was retired, which opens {them}"


def mend_retired(target: Target) -> str:
    """Say what to type so that rows with a retired token are rotated."""
    return f"{retired_sql.ask_again(target)} in psql, then {target.command}"
