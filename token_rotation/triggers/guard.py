"""The guard of a token column: its triggers, as a model declares them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pgtrigger
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import MakeTokens
from token_rotation.triggers.guard_triggers import InsertGuard, MoveGuard, SentGuard, UpdateGuard
from token_rotation.triggers.names import Marker, trigger_name
from token_rotation.triggers.truth_table.words import Accept

NEEDED_APPS = ("pgtrigger", "token_rotation", "token_rotation.operations")


class GuardPair(NamedTuple):
    """The two triggers of one token column that every guard has, and the others."""

    insert: InsertGuard
    update: UpdateGuard
    others: tuple[MoveGuard | SentGuard, ...] = ()

    @property
    def triggers(self) -> tuple[InsertGuard | UpdateGuard | MoveGuard | SentGuard, ...]:
        return (self.insert, self.update, *self.others)


def guard(
    token: str = "token",
    marker: Marker = "token_rotated_at",
    fresh_token: str | TokenFormat = "gen_random_uuid()",
    make_tokens: str | MakeTokens | None = None,
    *,
    accept: str = "fresh",
    derived: Mapping[str, str | None] | None = None,
    partitioned: bool = False,
    stores_plain: bool = False,
) -> list[pgtrigger.Trigger]:
    """Return the triggers of a token column, for ``Meta.triggers``.

    ``fresh_token`` is a format, or an SQL expression that gives each row another token: no
    subquery, and at least 128 random bits. ``make_tokens`` is a function, or its dotted path, that
    makes n tokens at a time for the rotation. Without it the rotation uses ``fresh_token``, as
    inserts always do. For several token columns, join the lists; each needs a marker of its own.

    ``accept="sent"`` stores the token that an INSERT or a wish of the application sends. It needs
    ``keep_retired()`` of the same token since before the first rotation: a leaked token is refused
    aloud then. Where the column is not unique, so is one that another pending row holds; each
    INSERT and wish looks it up, so index the column.

    ``derived`` keeps other columns in step: SQL of each field, with ``{token}`` for the token, or
    None if the field has nothing to do with it. ``partitioned`` says that rows may move between
    partitions; they keep their tokens. ``stores_plain`` says that the token's column holds the
    token itself, although the name or the class of the field suggests otherwise.

    Raises ImproperlyConfigured if an app that it needs is not installed, and ValueError for another
    ``accept``.
    """
    _ensure_installed()
    columns: dict[str, Any] = {"token": token, "marker": marker}
    token_format = fresh_token if isinstance(fresh_token, TokenFormat) else None
    expression = fresh_token.sql if isinstance(fresh_token, TokenFormat) else fresh_token
    length = token_format.length if token_format else None
    computed = {name: sql for name, sql in (derived or {}).items() if sql is not None}
    shared = {**columns, "fresh_token": expression, "accept": accept, "derived": computed}
    insert = InsertGuard(
        **shared, length=length, partitioned=partitioned, name=trigger_name("guard_insert", token)
    )
    update = UpdateGuard(
        **shared,
        make_tokens=make_tokens,
        token_format=token_format,
        unrelated=[name for name in derived or {} if name not in computed],
        stores_plain=stores_plain,
        revokes=token_format is not None and token_format.is_unusable,
        name=trigger_name("guard_update", token),
    )
    others: list[type[MoveGuard | SentGuard]] = [MoveGuard] if partitioned else []
    if insert.accept is Accept.SENT:
        others.append(SentGuard)
    return [
        insert,
        update,
        *(kind(**columns, name=trigger_name(kind.name, token)) for kind in others),
    ]


def _ensure_installed() -> None:
    """Raise ImproperlyConfigured without our ``makemigrations``.

    Django's own would mark leaked tokens as good.
    """
    missing = [app for app in NEEDED_APPS if apps.apps_ready and not apps.is_installed(app)]
    if missing:
        raise ImproperlyConfigured(f"guard() needs {', '.join(missing)} in INSTALLED_APPS.")


def guards_of(triggers: object) -> Iterator[GuardPair]:
    """Yield the complete guards among a model's triggers, in order."""
    listed = triggers if isinstance(triggers, list | tuple) else ()
    updates = {each.token: each for each in listed if isinstance(each, UpdateGuard)}
    for each in listed:
        if isinstance(each, InsertGuard) and each.token in updates:
            others = (other for other in listed if isinstance(other, MoveGuard | SentGuard))
            same = tuple(other for other in others if other.token == each.token)
            yield GuardPair(each, updates[each.token], same)
