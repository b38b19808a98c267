"""Rotation of single rows as methods of a model and of its queries."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.db import models

from token_rotation.declare.rotate_rows import rotate_rows, rotate_token

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


class RotatingQuerySet(models.QuerySet[ModelT_co]):
    """``Ticket.objects.filter(...).rotate_tokens()``."""

    def rotate_tokens(self, *, token: str | None = None) -> int:
        """Give each row a fresh token; how many rows there were. See ``rotate_rows``."""
        return rotate_rows(self, token=token)

    rotate_tokens.alters_data = True  # type: ignore[attr-defined]  # no template may call it


class RotatesToken(models.Model):
    """Base for models with a guard: their rows and queries can rotate tokens. Adds no column."""

    objects: ClassVar[Any] = RotatingQuerySet.as_manager()

    class Meta:
        abstract = True

    def rotate_token(self, *, token: str | None = None, using: str | None = None) -> None:
        """Give this row a fresh token, which its fields hold afterwards. See ``rotate_token``."""
        rotate_token(self, token=token, using=using)

    rotate_token.alters_data = True  # type: ignore[attr-defined]  # no template may call it
