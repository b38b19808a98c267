"""Tell PostgreSQL by ``save()`` what the application wants with a token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import Field, Model

from token_rotation.declare.guarded import GuardedToken, is_absent
from token_rotation.declare.watching.loaded import LoadedValue, keep_watch
from token_rotation.declare.watching.loading import tell_of_absent_tokens
from token_rotation.declare.watching.reading_back import read_back_saves
from token_rotation.declare.watching.wish import AsStored, Wish


def watch_saves(guarded: GuardedToken) -> None:
    """Let ``save()`` tell a changed token from a stale one, and read it back.

    A token that the instance was loaded with is not sent at all. Another one is sent as a wish,
    which the guard carries out; the instance then holds what is stored. An absent one takes the
    token away.
    """
    for field in guarded.tracked:
        before_save: Any = _wished if field is guarded.token else _kept
        watched = keep_watch(field)
        field.pre_save = partial(  # type: ignore[method-assign]
            before_save, field, watched, field.pre_save
        )
    keep_watch(guarded.table_model._meta.pk)  # a save under another key is of another row
    token = guarded.token
    if token.null or token.blank:
        remember = keep_watch(token).remember
        tell_of_absent_tokens(guarded.table_model, token.attname, remember)
    read_back_saves(guarded.table_model)


def _kept(
    field: Field[Any, Any],
    watched: LoadedValue,
    pre_save: Callable[[Model, bool], Any],
    instance: Model,
    add: bool,  # noqa: FBT001  (Django's signature)
) -> Any:
    """Return the marker to save; if it is the loaded one, the stored one.

    One that was rolled back is not written again, since it would make the token beside it look like
    a rotation's. NULL is: it asks for one.
    """
    value = pre_save(instance, add)
    if not _is_of_an_update(field, instance, add) or not watched.holds_loaded(instance, value):
        return value
    is_left = value is not None or watched.stands(instance)
    return AsStored(field.attname) if is_left else value


def _wished(
    field: Field[Any, Any],
    watched: LoadedValue,
    pre_save: Callable[[Model, bool], Any],
    instance: Model,
    add: bool,  # noqa: FBT001  (Django's signature)
) -> Any:
    """Return the token to save: the stored one, an absent one or a wish."""
    value = pre_save(instance, add)
    if not _is_of_an_update(field, instance, add):
        return value
    if watched.is_loaded(instance, value):
        return AsStored(field.attname)
    return value if is_absent(value) else Wish(field, value)


def _is_of_an_update(field: Field[Any, Any], instance: Model, add: bool) -> bool:  # noqa: FBT001
    """Return True if a save of the field may be told in SQL of ours.

    A copy of the field may belong to another model, such as that of a history. A field that puts
    its values into SQL of its own would do so to a stored value, too.
    """
    is_plain = not hasattr(field, "get_placeholder")
    return is_plain and not add and isinstance(instance, field.model)
