"""Tell an assignment that loads a row from one of the application's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
    def from_db(
        cls: type[Model], db: str | None, names: Sequence[str], values: Any, **more: Any
    ) -> Model:
        row: Model = from_row(cls, db, names, values, **more)
        if not is_absent(vars(row).get(name)) and name in names:
            loaded = values[list(names).index(name)]
            if is_absent(loaded):
                remember(row, loaded)
        return row

    telling: Any = from_db
    model.from_db = classmethod(telling)  # type: ignore[method-assign, assignment]


def tell_when_refreshing(model: type[Model]) -> None:
    """Let the assignments of ``refresh_from_db`` count as loading.

    Django reads a deferred field by it, too.
    """
    refresh = model.refresh_from_db
    if hasattr(refresh, REFRESHING):
        return

    @wraps(refresh)
    def refresh_from_db(self: Model, *args: Any, **kwargs: Any) -> None:
        with _refreshing(self):
            return refresh(self, *args, **kwargs)

    setattr(refresh_from_db, REFRESHING, True)
    model.refresh_from_db = refresh_from_db  # type: ignore[method-assign]


def tell_when_fetching_peers(attribute: Any) -> None:
    """Let what Django 6.1 and newer read of a deferred field for several rows count as loading.

    ``attribute`` is the field's in its class. That is the fetch mode FETCH_PEERS, which does not
    call ``refresh_from_db``.
    """
    fetch_many: Any = getattr(attribute, "fetch_many", None)
    if fetch_many is None:
        return

    def _fetch_many(instances: Sequence[Model]) -> None:
        with ExitStack() as loading:
            for instance in instances:
                loading.enter_context(_refreshing(instance))
            fetch_many(instances)

    attribute.fetch_many = _fetch_many


@contextmanager
def _refreshing(instance: Model) -> Iterator[None]:
    """Let the instance's assignments count as loading."""
    state = vars(instance._state)  # noqa: SLF001  (Django documents it)
    if REFRESHING in state:
        yield
        return
    state[REFRESHING] = True
    try:
        yield
    finally:
        del state[REFRESHING]
