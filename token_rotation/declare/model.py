"""Declarations of a model with a rotating token.

docs/adopt/index.md shows them. Migrations name none of these classes: they hold plain Django
fields and indexes.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from token_rotation.declare.pending_index import PendingIndex
from token_rotation.declare.rotate_rows import rotate_rows, rotate_token
from token_rotation.schema.token_sql import TokenSql
from token_rotation.tokens.formats import TokenFormat
from token_rotation.triggers.guard import guard

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


class RotatedAtField(models.DateTimeField):  # type: ignore[type-arg]
    """Marker with the token's time of issue, or NULL.

    NULL: the token may be leaked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Django reads a field back after an INSERT only where it has a database default. Here that
        # is NULL: a fixture without a marker sets it to its default, which must claim no rotation.
        issued = {"null": True, "editable": False, "db_default": None}
        super().__init__(*args, **{**issued, **kwargs})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs


class RotatingQuerySet(models.QuerySet[ModelT_co]):
    """A query whose rows can be rotated: ``Ticket.objects.filter(...).rotate_tokens()``."""

    def rotate_tokens(self, *, token: str | None = None) -> int:
        """Give each row a fresh token; return the row count.

        See ``rotate_rows``.
        """
        return rotate_rows(self, token=token)

    rotate_tokens.alters_data = True  # type: ignore[attr-defined]  # no template may call it


class RotatesToken(models.Model):
    """Base of a guarded model, with methods that rotate tokens.

    Its rows and queries have them. Adds no column.
    """

    objects: ClassVar[Any] = RotatingQuerySet.as_manager()

    class Meta:
        abstract = True

    def rotate_token(self, *, token: str | None = None, using: str | None = None) -> None:
        """Give this row a fresh token and read it back.

        See ``rotate_rows.rotate_token``.
        """
        rotate_token(self, token=token, using=using)

    rotate_token.alters_data = True  # type: ignore[attr-defined]  # no template may call it


class RotatingToken(RotatesToken):
    """Secret UUID that PostgreSQL issues and ``rotate_tokens`` can replace.

    If the model has a ``class Meta``, let it inherit from ``RotatingToken.Meta`` and extend
    ``indexes`` and ``triggers`` instead of replacing them.
    """

    token = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    token_rotated_at = RotatedAtField()

    class Meta:
        abstract = True
        indexes: ClassVar = [PendingIndex()]
        triggers: ClassVar = guard()


def token_default(tokens: TokenFormat) -> TokenSql:
    """Return the ``db_default`` of a text column.

    Its tokens have this format.
    """
    # The parameters are a list because Django's schema editor adds this list to others.
    return TokenSql(tokens.sql, [])


def has_db_default(field: models.Field[Any, Any]) -> bool:
    """Return True if the database gives the column a default."""
    return field.db_default is not models.NOT_PROVIDED
