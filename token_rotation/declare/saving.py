"""Tell PostgreSQL by ``save()`` what the application wants with a token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial, wraps
from typing import Any

from django.db import transaction
from django.db.models import Field, Model, QuerySet, Value

from token_rotation.declare.guarded import GuardedToken, guarded_in, is_absent
from token_rotation.declare.loaded import LoadedValue, keep_watch
from token_rotation.declare.quiet_errors import hiding_values
from token_rotation.declare.wish import AsStored, Wish, forget_wishes
from token_rotation.errors import TokenUpdateError
from token_rotation.notify.announcements import announce
from token_rotation.signals import tokens_rotated
from token_rotation.targets.discovery import target_of

_NOTHING = AsStored("")
_READS_BACK = "token_rotation_reads_back"


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
    model: Any = guarded.table_model
    do_update = model._do_update  # noqa: SLF001  (Django has no public way)
    if not hasattr(do_update, _READS_BACK):
        model._do_update = _reading_back(do_update)  # noqa: SLF001


def _kept(
    field: Field[Any, Any],
    watched: LoadedValue,
    pre_save: Callable[[Model, bool], Any],
    instance: Model,
    add: bool,  # noqa: FBT001  (Django's signature)
) -> Any:
    """Return the value to save; if it is the loaded one, the stored value."""
    value = pre_save(instance, add)
    if _is_of_an_update(field, instance, add) and watched.is_loaded(instance, value):
        return AsStored(field.attname)
    return value


def _wished(
    field: Field[Any, Any],
    watched: LoadedValue,
    pre_save: Callable[[Model, bool], Any],
    instance: Model,
    add: bool,  # noqa: FBT001  (Django's signature)
) -> Any:
    """Return the token to save: the stored one, an absent one or a wish."""
    value = _kept(field, watched, pre_save, instance, add)
    is_left = isinstance(value, AsStored) or is_absent(value)
    if is_left or not _is_of_an_update(field, instance, add):
        return value
    return Wish(field, value)


def _is_of_an_update(field: Field[Any, Any], instance: Model, add: bool) -> bool:  # noqa: FBT001
    """Return True if a save of the field may be told in SQL of ours.

    A copy of the field may belong to another model, such as that of a history. A field that puts
    its values into SQL of its own would do so to a stored value, too.
    """
    is_plain = not hasattr(field, "get_placeholder")
    return is_plain and not add and isinstance(instance, field.model)


def _reading_back(do_update: Callable[..., bool]) -> Callable[..., bool]:
    """Return a ``Model._do_update`` that reads changed tokens back.

    Signals come too late for that: receivers of ``post_save`` that were connected earlier would see
    a token that is not stored. A fixture's values come as they are, without ``pre_save``.
    """

    @wraps(do_update)
    def _do_update(
        self: Model, base_qs: Any, using: str, pk_val: Any, values: Sequence[Any], *rest: Any
    ) -> bool:
        written = {field: value for field, _, value in values}
        changed = [
            each
            for each in guarded_in(base_qs.model)
            if any(not isinstance(written.get(field, _NOTHING), AsStored) for field in each.tracked)
        ]
        if not changed:
            return do_update(self, base_qs, using, pk_val, values, *rest)
        wished = [each for each in changed if isinstance(written.get(each.token), Wish)]
        # One transaction: what is read back is what this save stored.
        with transaction.atomic(using=using, savepoint=False):
            with hiding_values() if wished else nullcontext():
                updated = do_update(self, base_qs, using, pk_val, values, *rest)
            for each in changed if updated else ():
                _read_back(self, each, written.get(each.token), using, pk_val)
            if wished and not updated:
                forget_wishes(using)
        return updated

    setattr(_do_update, _READS_BACK, True)
    return _do_update


def _read_back(instance: Model, guarded: GuardedToken, sent: Any, using: str, key: Any) -> None:
    """Let the instance hold what is stored, and announce a new token.

    Raises TokenUpdateError if the stored token was kept.
    """
    fields = (*guarded.tracked, *guarded.derived)
    # No manager: one that hides rows may hide this one since the save.
    row: QuerySet[Any] = QuerySet(guarded.table_model, using=using).filter(pk=key)
    names = (field.attname for field in fields)
    wish = sent if isinstance(sent, Wish) else None
    *stored, is_standing = row.values_list(*names, wish.standing() if wish else Value(False)).get()
    if is_standing:
        raise TokenUpdateError(
            f"{guarded.label}: the database kept the stored token. Its guard is older than this "
            "release, or another trigger undoes the change. Nothing was saved. "
            "Run: python manage.py migrate, then check --database"
        )
    for field, value in zip(fields, stored, strict=True):
        if field in guarded.tracked:
            keep_watch(field).load(instance, value)
        else:
            setattr(instance, field.attname, value)
    if wish:
        transaction.on_commit(partial(_announce, guarded, using, key), using=using)


def _announce(guarded: GuardedToken, using: str, key: Any) -> None:
    if not tokens_rotated.has_listeners(guarded.guarding):
        return
    target = target_of(guarded.guarding, using, guarded.token.name)
    if target is not None:
        announce(target, (key,))
