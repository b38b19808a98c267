"""How a model declares a rotating token; docs/adopt.md shows it.

Migrations name none of these classes: what they write down is plain Django.
"""

from __future__ import annotations

import hashlib
from copy import copy
from typing import Any, ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from token_rotation.declare.rotating import RotatesToken
from token_rotation.tokens.formats import TokenFormat
from token_rotation.triggers.guard import guard


class RotatedAtField(models.DateTimeField):  # type: ignore[type-arg]
    """The marker: NULL means that the token may be leaked, a time that it was issued then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A default of the database, because Django reads fields with one back after an INSERT.
        issued = {"null": True, "editable": False, "db_default": Now()}
        super().__init__(*args, **{**issued, **kwargs})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs


class PendingIndex(models.Index):
    """The primary keys of the rows whose token is pending: finding them costs what is left.

    ``marker`` is a field's name. The index gets a name of the table and the marker.
    """

    def __init__(self, marker: str = "token_rotated_at") -> None:
        # The table's and the primary key's names are those of the model, which is not there yet.
        super().__init__(
            fields=["pk"], name="pending", condition=models.Q((f"{marker}__isnull", True))
        )
        self.marker = marker
        self.name = ""

    def set_name_with_model(self, model: type[models.Model]) -> None:
        """Django calls this as soon as the model is complete."""
        self.fields = [model._meta.pk.name]
        self.fields_orders = [(model._meta.pk.name, "")]
        marker = model._meta.get_field(self.marker)
        self.name = pending_index_name(model._meta.db_table, str(getattr(marker, "column", None)))

    def clone(self) -> models.Index:
        """The plain index once the model is known: that is what migrations compare and write."""
        if not self.name:
            return copy(self)
        return models.Index(fields=self.fields, name=self.name, condition=self.condition)


def pending_index_name(table: str, marker: str) -> str:
    """The same for ever, at most 30 characters, as Django wants."""
    digest = hashlib.sha256(f"{table} {marker}".encode()).hexdigest()[:6]
    name = f"{table[:14]}_{digest}_pending"
    return name if name[0].isalpha() else f"t{name[1:]}"


class RotatingToken(RotatesToken):
    """A secret UUID that the database issues, and that ``rotate_tokens`` can replace.

    A ``class Meta`` of the model's own must inherit from ``RotatingToken.Meta``, and add to its
    ``indexes`` and ``triggers`` where it has some itself.
    """

    token = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    token_rotated_at = RotatedAtField()

    class Meta:
        abstract = True
        indexes: ClassVar = [PendingIndex()]
        triggers: ClassVar = guard()


def token_default(tokens: TokenFormat) -> RawSQL:
    """The ``db_default`` of a text column whose tokens are of a format."""
    # A list: the schema editor adds it to others.
    return RawSQL(tokens.sql, [])  # noqa: S611  (a format has no quote in it)


def has_db_default(field: models.Field[Any, Any]) -> bool:
    return field.db_default is not models.NOT_PROVIDED
