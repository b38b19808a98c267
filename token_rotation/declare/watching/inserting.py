"""What an INSERT may do to a guarded token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.db.models import Model
from django.db.models.sql.subqueries import InsertQuery

from token_rotation.declare.guarded import (
    GuardedToken,
    any_can_be_guarded,
    guarded_of,
    is_absent,
)
from token_rotation.declare.watching.quiet_errors import hide_values_of
from token_rotation.errors import TokenUpdateError


def watch_inserts() -> None:
    """Let INSERTs fail without values, and refuse an upsert that would store no token.

    ``create()``, ``save()`` and ``bulk_create()`` call this method before any SQL is sent.
    """
    if not hasattr(InsertQuery.insert_values, "__wrapped__"):
        InsertQuery.insert_values = _watched(  # type: ignore[method-assign]
            InsertQuery.insert_values
        )


def _watched(insert_values: Callable[..., None]) -> Callable[..., None]:
    @wraps(insert_values)
    def _insert_values(
        self: InsertQuery, fields: Any, objs: Sequence[Model], *args: Any, **kwargs: Any
    ) -> None:
        model = self.get_meta().model
        for guarded in guarded_of(model) if any_can_be_guarded() else ():
            hide_values_of(self)
            updated: Any = self.update_fields  # type: ignore[attr-defined]
            if guarded.token in updated and guarded.marker not in updated:
                _refuse_tokens(guarded, objs)
        return insert_values(self, fields, objs, *args, **kwargs)

    return _insert_values


def _refuse_tokens(guarded: GuardedToken, rows: Sequence[Model]) -> None:
    """Raise TokenUpdateError if a row of the upsert has a token.

    The guard would keep the stored one: nothing says that this one is not an old one. With the
    marker beside it, the token and the marker that the guard issued for the INSERT are stored.
    """
    if not all(is_absent(getattr(row, guarded.token.attname)) for row in rows):
        raise TokenUpdateError(
            f"{guarded.label}: bulk_create() cannot update it without its marker, since it may be "
            "a token that was replaced. Nothing was changed. Leave it out of update_fields, and "
            "call save(), rotate_token() or rotate_rows() for rows that exist"
        )
