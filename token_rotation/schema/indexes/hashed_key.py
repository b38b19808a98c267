"""The order in which a rotation walks over keys that are tokens, as an index has it."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, F, Func, TextField, Value
from django.db.models.functions import Cast
from django.utils.deconstruct import deconstructible

from token_rotation.sql.keys.walk import HASH


@deconstructible(path="token_rotation.schema.HashedKey")
class HashedKey(Func):
    """A hash of the field ``key``, as ``sql.keys.walk`` writes it. Another database takes the key.

    Its SQL never changes between releases: indexes hold it.
    """

    function = HASH

    def __init__(self, key: str) -> None:
        hashed = Cast(F(key), TextField())
        super().__init__(hashed, Value(0), output_field=BigIntegerField())

    def as_sqlite(self, compiler: Any, *_: Any, **__: Any) -> tuple[str, Any]:
        """Return the key: no rotation walks there, and that database lacks the function."""
        compiled: tuple[str, Any] = compiler.compile(self.get_source_expressions()[0])
        return compiled
