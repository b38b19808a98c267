"""Let an instance hold what its save stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet, Value

from token_rotation.declare.guarded import GuardedToken, guarded_in
from token_rotation.declare.watching.loaded import keep_watch
from token_rotation.declare.watching.quiet_errors import quietly
from token_rotation.declare.watching.uncommitted import UncommittedSave
from token_rotation.declare.watching.wish import AsStored, Wish, forget_wishes
from token_rotation.errors import TokenUpdateError
from token_rotation.notify.announcements import announce_revoked
from token_rotation.security_log import is_heard
from token_rotation.signals import tokens_rotated
from token_rotation.targets.discovery import target_of

_NOTHING = AsStored("")
_READS_BACK = "token_rotation_reads_back"


def read_back_saves(model: Any) -> None:
    """Let ``save()`` read back what it stored in the table of this model.

    Django has no public way.
    """
    if not hasattr(model._do_update, _READS_BACK):  # noqa: SLF001
        model._do_update = _reading_back(model._do_update)  # noqa: SLF001
    if not hasattr(model._do_insert, _READS_BACK):  # noqa: SLF001
        model._do_insert = _loading(model._do_insert)  # noqa: SLF001


def _loading(do_insert: Callable[..., Any]) -> Callable[..., Any]:
    """Return a ``Model._do_insert`` whose returned tokens count as loaded.

    Django sets them itself. But a row that is gone, such as one that was rolled back, is inserted
    again by an instance that was loaded before.
    """

    @wraps(do_insert)
    def _do_insert(
        self: Model, manager: Any, using: str, fields: Any, returning: Sequence[Any], *rest: Any
    ) -> Any:
        results = do_insert(self, manager, using, fields, returning, *rest)
        for guarded in guarded_in(manager.model) if results else ():
            for field in (guarded.table_model._meta.pk, *guarded.tracked):
                if field in returning:
                    keep_watch(field).load(self, results[0][list(returning).index(field)])
        return results

    setattr(_do_insert, _READS_BACK, True)
    return _do_insert


def _reading_back(do_update: Callable[..., Any]) -> Callable[..., Any]:
    """Return a ``Model._do_update`` that reads changed tokens back.

    Signals come too late for that: receivers of ``post_save`` that were connected earlier would see
    a token that is not stored. A fixture's values come as they are, without ``pre_save``.
    """

    @wraps(do_update)
    def _do_update(
        self: Model, base_qs: Any, using: str, pk_val: Any, values: Sequence[Any], *rest: Any
    ) -> Any:
        written = {field: value for field, _, value in values}
        _keep_unread(written, *rest[2:])
        changed = [
            each
            for each in guarded_in(base_qs.model)
            if any(not isinstance(written.get(field, _NOTHING), AsStored) for field in each.tracked)
            or (each.token in written and not _is_own_row(self, each))
        ]
        if not changed:
            return quietly(do_update, self, base_qs, using, pk_val, values, *rest)
        wished = [each for each in changed if isinstance(written.get(each.token), Wish)]
        # One transaction: what is read back is what this save stored.
        with transaction.atomic(using=using, savepoint=False):
            updated = quietly(do_update, self, base_qs, using, pk_val, values, *rest)
            for each in changed if updated else ():
                _read_back(self, each, written.get(each.token), using, pk_val)
            if wished and not updated:
                forget_wishes(using)
        return updated

    setattr(_do_update, _READS_BACK, True)
    return _do_update


def _keep_unread(written: Mapping[Any, Any], returning: list[Any] | None = None) -> None:
    """Take what this library sends from the fields that Django 6.0 and newer read back.

    Django would set them as if the application had. A stale instance keeps what it was loaded with
    on every Django; a token that changed is read below.
    """
    if returning:
        returning[:] = [
            field for field in returning if not isinstance(written.get(field), (AsStored, Wish))
        ]


def _is_own_row(instance: Model, guarded: GuardedToken) -> bool:
    """Return False if the instance has got the key of another row since it was loaded."""
    key: Any = guarded.table_model._meta.pk
    return keep_watch(key).holds_loaded(instance, getattr(instance, key.attname))


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
    keep_watch(guarded.table_model._meta.pk).remember(instance, key)
    saved = UncommittedSave(using, partial(_announce, guarded, using, key) if wish else None)
    for field, value in zip(fields, stored, strict=True):
        if field in guarded.tracked:
            keep_watch(field).load(instance, value, saved)
        else:
            setattr(instance, field.attname, value)


def _announce(guarded: GuardedToken, using: str, key: Any) -> None:
    if not (tokens_rotated.has_listeners(guarded.guarding) or is_heard()):
        return
    target = target_of(guarded.guarding, using, guarded.token.name)
    if target is not None:
        announce_revoked(target, (key,))
