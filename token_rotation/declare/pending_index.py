"""The index of pending rows, as a model declares it."""

from __future__ import annotations

import hashlib
from copy import copy
from typing import Any

from django.db import models
from django.db.models.functions import Cast

from token_rotation.selection.target import EVERY_ROW_HAS_A_TOKEN, Absent
from token_rotation.targets.absent import absent_of
from token_rotation.triggers.guard import guards_of


class PendingIndex(models.Index):
    """An index of the primary keys of all pending rows.

    Finding pending rows then costs what is left, not what is done. ``marker`` is a field's name.
    The index is named after the table and the marker. Rows without a token stand not in it, where
    the field of the token allows such rows.
    """

    def __init__(self, marker: str = "token_rotated_at") -> None:
        # The model is not complete yet, so neither its table nor its primary key is known.
        super().__init__(fields=["pk"], name="pending", condition=pending_rows(marker))
        self.marker = marker
        self.name = ""

    def set_name_with_model(self, model: type[models.Model]) -> None:
        """Take key, condition and name from the model.

        Django calls this once the model is complete.
        """
        self.fields = [model._meta.pk.name]
        self.fields_orders = [(model._meta.pk.name, "")]
        marker = model._meta.get_field(self.marker)
        token = _token_of(model, self.marker)
        table, column = model._meta.db_table, str(getattr(marker, "column", None))
        if token is None:
            self.name = pending_index_name(table, column)
            return
        absent = absent_of(token)
        self.condition = pending_rows(self.marker, token.name, absent)
        self.name = pending_index_name(table, column, token.column, absent)

    def clone(self) -> models.Index:
        """Return a plain index once the model is known.

        Migrations compare and write that.
        """
        if not self.name:
            return copy(self)
        return models.Index(fields=self.fields, name=self.name, condition=self.condition)


def pending_rows(marker: str, token: str = "", absent: Absent = EVERY_ROW_HAS_A_TOKEN) -> models.Q:
    """Return the condition of a token's pending index, as migrations write it.

    ``marker`` and ``token`` are fields' names. It never changes between releases: migrations
    compare it. It is what ``sql.pending`` writes, so that PostgreSQL takes the index. Django has no
    lookup for "differs from", and its negation is true for NULL.
    """
    pending = models.Q((f"{marker}__isnull", True))
    if absent == EVERY_ROW_HAS_A_TOKEN:
        return pending
    stored = models.F(token)
    # Migrations have the names in this order, and Django compares it.
    differs = models.Func(
        stored if absent.text else Cast(stored, models.TextField()),
        models.Value(""),
        arg_joiner=" <> ",
        output_field=models.BooleanField(),
        template="(%(expressions)s)",
    )
    return pending & models.Q(differs)


def pending_index_name(
    table: str, marker: str, token: str = "", absent: Absent = EVERY_ROW_HAS_A_TOKEN
) -> str:
    """Return the name of a table's pending index; ``marker`` and ``token`` are columns.

    It has at most 30 characters, as Django demands. It never changes between releases: migrations
    compare it. The index that leaves out rows without a token has a name of its own, so that it
    can be built before the other one goes.
    """
    named_after = (
        f"{table} {marker}" if absent == EVERY_ROW_HAS_A_TOKEN else f"{table} {marker} {token}"
    )
    digest = hashlib.sha256(named_after.encode()).hexdigest()[:6]
    name = f"{table[:14]}_{digest}_pending"
    return name if name[0].isalpha() else f"t{name[1:]}"


def key_hash_index_name(table: str) -> str:
    """Return the name of the index of all hashed keys. It never changes between releases."""
    return pending_index_name(table, "key").removesuffix("_pending") + "_keyhash"


def _token_of(model: type[models.Model], marker: str) -> models.Field[Any, Any] | None:
    """Return the field of the token that this marker belongs to; None without a guard."""
    for pair in guards_of(getattr(model._meta, "triggers", [])):
        if pair.update.marker == marker:
            field = model._meta.get_field(pair.update.token)
            return field if isinstance(field, models.Field) else None
    return None
