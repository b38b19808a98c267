"""Record who was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import F

from token_rotation.owners.declaration import OwnerNotice


class RowsLockedError(OperationalError):
    """Rows that others have locked; those that were free are recorded."""


def record(notice: OwnerNotice, database: str, marker: str, times: Mapping[Any, datetime]) -> None:
    """Set the marker of these keys, each if its row still has the token of that time.

    Locks those rows FOR NO KEY UPDATE, and waits for none. A row that was rotated meanwhile stays
    pending. Doing it twice changes nothing. Raises RowsLockedError.
    """
    rows = notice.rows(database)
    with transaction.atomic(using=database):
        locked = rows.filter(pk__in=list(times)).select_for_update(
            skip_locked=True, no_key=True, of=("self",)
        )
        free = _of_these_times(notice, locked, times)
        rows.filter(pk__in=free).update(**{marker: F(notice.rotated)})
    others = rows.filter(pk__in=times.keys() - set(free)).exclude(**{marker: F(notice.rotated)})
    missed = _of_these_times(notice, others, times)
    if missed:
        raise RowsLockedError(f"{len(missed)} rows of owners who were told are locked")


def _of_these_times(notice: OwnerNotice, rows: Any, times: Mapping[Any, datetime]) -> list[Any]:
    found: Iterable[tuple[Any, datetime]] = rows.values_list("pk", notice.rotated)
    return [key for key, rotated_at in found if times[key] == rotated_at]
