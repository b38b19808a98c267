"""The rows of a queryset, in the order of their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import CompositePrimaryKey, Model, QuerySet

from token_rotation.jobs.collection.enumerator import Entry
from token_rotation.jobs.errors import CollectionError


class Rows:
    """Goes through a queryset by ranges of its primary key.

    With ``lock`` the rows of a batch are locked before they are processed, so that ``save()``
    overwrites nothing that the application writes meanwhile. Rows that come later with a key
    behind the cursor are gone through, too. ``only_keys`` are texts of keys: no other row is.

    Raises CollectionError for a queryset that has a slice, an order of its own, other results than
    instances, or a composite key.
    """

    def __init__(
        self, rows: QuerySet[Any], *, lock: bool, only_keys: Sequence[str] | None = None
    ) -> None:
        refused = _refused(rows)
        if refused:
            raise CollectionError(f"a job cannot go through this queryset: {refused}")
        self.database: str | None = rows.db
        self._rows = rows.order_by("pk")
        if only_keys is not None:
            self._rows = self._rows.filter(pk__in=[self._key.to_python(key) for key in only_keys])
        self._lock = lock

    def entries(self, cursor: Any, items: int) -> Sequence[Entry]:
        rows = self._rows
        if cursor is not None:
            rows = rows.filter(pk__gt=self._key.to_python(cursor))
        if self._lock:
            rows = rows.select_for_update(of=("self",), no_key=True)
        return [_entry(row) for row in rows[:items]]

    def count(self) -> int | None:
        return self._rows.count()

    @property
    def _key(self) -> Any:
        return self._rows.model._meta.pk


def _entry(row: Model) -> Entry:
    text = str(row._meta.pk.value_to_string(row))
    return Entry(row, text, text)


def _refused(rows: QuerySet[Any]) -> str:
    if rows.query.is_sliced:
        return "it has a slice"
    if rows.query.order_by:
        return "it has an order of its own; it is gone through by primary key"
    if rows.query.combinator or rows.query.distinct:
        return "it is a union, or distinct"
    if rows._fields is not None:  # type: ignore[attr-defined]
        return "it has other results than instances"
    if isinstance(rows.model._meta.pk, CompositePrimaryKey):
        return "its primary key is a composite one"
    return ""
