"""Tell an assignment that loads a row from one of the application's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.db.models import Model

from token_rotation.declare.guarded import is_absent

REFRESHING = "token_rotation_refreshing"


def tell_of_absent_tokens(
    model: type[Model], name: str, remember: Callable[[Model, Any], None]
) -> None:
    """Let a token that ``__init__`` gives to a row without one count as the application's.

    So may receivers of ``post_init``. ``name`` is the field's, ``remember`` takes what is loaded.
    """
    read: Any = model.from_db
    from_row = read.__func__

    @wraps(from_row)
    def from_db(cls: type[Model], db: str | None, names: Sequence[str], values: Any) -> Model:
        row: Model = from_row(cls, db, names, values)
        if not is_absent(vars(row).get(name)) and name in names:
            loaded = values[list(names).index(name)]
            if is_absent(loaded):
                remember(row, loaded)
        return row

    model.from_db = classmethod(from_db)  # type: ignore[method-assign, assignment]


def tell_when_refreshing(model: type[Model]) -> None:
    """Let the assignments of ``refresh_from_db`` count as loading.

    Django reads a deferred field by it, too.
    """
    refresh = model.refresh_from_db
    if hasattr(refresh, REFRESHING):
        return

    @wraps(refresh)
    def refresh_from_db(self: Model, *args: Any, **kwargs: Any) -> None:
        state = vars(self._state)
        if REFRESHING in state:
            return refresh(self, *args, **kwargs)
        state[REFRESHING] = True
        try:
            return refresh(self, *args, **kwargs)
        finally:
            del state[REFRESHING]

    setattr(refresh_from_db, REFRESHING, True)
    model.refresh_from_db = refresh_from_db  # type: ignore[method-assign]
