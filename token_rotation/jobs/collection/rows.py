"""The rows of a queryset, in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import CompositePrimaryKey, Model, QuerySet

from token_rotation.jobs.collection.enumerator import Entry
from token_rotation.jobs.collection.secret_keys import is_key_a_token
from token_rotation.jobs.errors import CollectionError
from token_rotation.jobs.state import Span


class Rows:
    """Goes through a queryset by ranges of its primary key.

    With ``lock`` the rows of a batch are locked before they are processed, so that ``save()``
    overwrites nothing that the application writes meanwhile. Rows that come later with a key
    behind the cursor are gone through, too. ``only_keys`` are texts of keys: no other row is. All
    are read where they are written: a standby may lack some.

    Raises CollectionError for a queryset that has a slice, an order of its own, other results than
    instances, a composite key, or one that is a token.
    """

    def __init__(
        self, rows: QuerySet[Any], *, lock: bool, only_keys: Sequence[str] | None = None
    ) -> None:
        refused = _refused(rows) or (lock and _unlockable(rows))
        if refused:
            raise CollectionError(f"a job cannot go through this queryset: {refused}")
        self.database: str | None = rows.select_for_update().db  # where a router writes them
        self._rows = rows.using(self.database).order_by("pk")
        if only_keys is not None:
            self._rows = self._rows.filter(pk__in=[self._to_key(key) for key in only_keys])
        self._lock = lock

    def entries(self, cursor: Any, items: int) -> Sequence[Entry]:
        return self.entries_of(Span(cursor), items)

    def entries_of(self, span: Span, items: int) -> Sequence[Entry]:
        rows = self._within(span)
        if self._lock:
            rows = rows.select_for_update(of=("self", *_inherited(rows.model)), no_key=True)
        once = {_key(row): row for row in rows[:items]}  # a join may repeat a row
        return [Entry(row, key, key) for key, row in once.items()]

    def count(self) -> int | None:
        return self._rows.count()

    def split(self, span: Span, pieces: int) -> list[tuple[Span, int]]:
        """Read the index up to each bound. The last span has the end of the whole."""
        rows = self._within(span).select_related(None).prefetch_related(None)
        count = rows.count()
        items = -(-count // pieces)
        after, found = span.after, []
        for begin in range(items, count, max(1, items)):
            bound = rows.only("pk")[begin - 1 : begin].first()
            if bound is None:  # rows have gone since they were counted
                break
            until = _key(bound)
            found.append((Span(after, until), items))
            after = until
        return [*found, (Span(after, span.until), count - items * len(found))]

    def _within(self, span: Span) -> QuerySet[Any]:
        rows = self._rows
        if span.after is not None:
            rows = rows.filter(pk__gt=self._to_key(span.after))
        if span.until is not None:
            rows = rows.filter(pk__lte=self._to_key(span.until))
        return rows

    def _to_key(self, cursor: Any) -> Any:
        key: Any = self._rows.model._meta.pk
        return key.to_python(cursor)


def _inherited(model: type[Model], prefix: str = "") -> Iterator[str]:
    """Name the tables that hold the rest of a row, those that it inherits from."""
    concrete: Any = model._meta.concrete_model
    for parent, link in concrete._meta.parents.items():
        if link is not None:
            yield f"{prefix}{link.name}"
            yield from _inherited(parent, f"{prefix}{link.name}__")


def _key(row: Model) -> str:
    return str(row._meta.pk.value_to_string(row))


def _unlockable(rows: QuerySet[Any]) -> str:
    if rows.query.group_by is None:
        return ""
    return "rows that it groups cannot be locked; annotate a subquery in place of an aggregate"


def _refused(rows: QuerySet[Any]) -> str:
    if rows.query.is_sliced:
        return "it has a slice"
    if rows.query.order_by or rows.query.extra_order_by or not rows.query.standard_ordering:
        return "it has an order of its own; it is gone through by primary key"
    if rows.query.combinator or rows.query.distinct:
        return "it is a union, or distinct"
    if rows._fields is not None:  # type: ignore[attr-defined]
        return "it has other results than instances"
    if isinstance(rows.model._meta.pk, CompositePrimaryKey):
        return "its primary key is a composite one"
    if is_key_a_token(rows.model):
        return "its primary key is a token, which no record may hold; write an enumerator"
    return ""
