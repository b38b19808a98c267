"""Tell an assignment that loads a row from one of the application's."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.db.models import Model

REFRESHING = "token_rotation_refreshing"


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
