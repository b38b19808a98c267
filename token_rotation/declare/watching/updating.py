"""What ``update()`` and ``bulk_update()`` may do to a guarded token."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.models import Case, Expression
from django.db.models.functions import Cast
from django.db.models.sql.subqueries import UpdateQuery

from token_rotation.declare.guarded import (
    GuardedToken,
    any_can_be_guarded,
    guarded_of,
    is_absent,
)
from token_rotation.declare.watching.quiet_errors import hide_values_of
from token_rotation.declare.watching.wish import Wish
from token_rotation.errors import TokenUpdateError


def watch_updates() -> None:
    """Let ``update()`` and ``bulk_update()`` refuse tokens that they cannot store.

    Both call this method of Django with their values, before any SQL is sent; ``save()`` does not.
    ``get_placeholder`` of the field would be called after a child's own table is written, and would
    make every ``bulk_create()`` slower.
    """
    if not hasattr(UpdateQuery.add_update_values, "__wrapped__"):
        UpdateQuery.add_update_values = _refusing(  # type: ignore[method-assign]
            UpdateQuery.add_update_values
        )


def _refusing(add_update_values: Callable[..., None]) -> Callable[..., None]:
    @wraps(add_update_values)
    def _add_update_values(self: UpdateQuery, values: dict[str, Any]) -> None:
        model = self.get_meta().model
        for guarded in guarded_of(model) if any_can_be_guarded() else ():
            hide_values_of(self)
            for name in {guarded.token.name, guarded.token.attname} & values.keys():
                values = {**values, name: _update_value(guarded, values[name])}
        return add_update_values(self, values)

    return _add_update_values


def _update_value(guarded: GuardedToken, value: Any) -> Any:
    """Return the value to write.

    Raises TokenUpdateError for a token that the guard would not take.
    """
    if all(is_absent(each) for each in _possible_values(value)):
        return value
    if guarded.accepts_sent:
        return Wish(guarded.token, value)
    raise TokenUpdateError(
        f"{guarded.label}: update() and bulk_update() cannot set it, since it may be a token that "
        "was replaced. Nothing was changed. For a fresh token call save(), rotate_token() or "
        'rotate_rows(). To choose tokens yourself, declare guard(..., accept="sent") and '
        "keep_retired(), and do so before any token is replaced under this guard"
    )


def _possible_values(value: Any) -> list[Any]:
    """Return what an expression of ``bulk_update()`` can yield, else the value itself."""
    if isinstance(value, Cast):
        return _possible_values(value.get_source_expressions()[0])
    if isinstance(value, Case):
        results: list[Expression] = [when.result for when in value.cases]
        return [*results, value.default]
    return [value]
