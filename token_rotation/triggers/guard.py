"""Triggers that keep the marker truthful and leaked tokens dead.

They bind every writer: the ORM, old code that does not know the marker, psql, COPY. They do not
fire in sessions with ``session_replication_role = replica``, nor when logical replication applies
changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pgtrigger
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import MakeTokens
from token_rotation.triggers import bodies
from token_rotation.triggers.base import OfAToken, ReplacedInPlace
from token_rotation.triggers.columns import columns_of, quoted_columns
from token_rotation.triggers.moved import remember_move
from token_rotation.triggers.names import Marker, trigger_name
from token_rotation.triggers.truth_table import Accept

NEEDED_APPS = ("pgtrigger", "token_rotation", "token_rotation.operations")


class InsertGuard(ReplacedInPlace):
    """Trigger that gives inserted rows a fresh token and marker.

    It ignores the token and marker that the writer sent, unless the guard accepts what is sent. An
    absent token stays absent if the field allows it. ``pgtrigger.ignore`` skips it; the row is
    pending then.

    ``token`` is a field's name; ``fresh_token`` is an SQL expression for a new token of the
    column's type. ``length`` is that of its tokens, if known; the trigger does not contain it.
    ``derived`` and ``partitioned`` as for ``guard``.
    """

    name = "guard_insert"
    when = pgtrigger.Before
    operation = pgtrigger.Insert

    def __init__(
        self,
        *,
        token: str,
        marker: Marker,
        fresh_token: str = "gen_random_uuid()",
        length: int | None = None,
        accept: str = Accept.FRESH,
        derived: Mapping[str, str] | None = None,
        partitioned: bool = False,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.fresh_token = fresh_token
        self.length = length
        self.accept = Accept(accept)
        self.derived = dict(derived or {})
        self.partitioned = partitioned
        super().__init__(name=name)

    def get_func(self, model: Model) -> str:
        return bodies.insert_body(
            columns_of(model, self.token, self.marker),
            self.fresh_token,
            self.accept,
            quoted_columns(model, self.derived),
            moves=self.partitioned,
        )


class UpdateGuard(ReplacedInPlace):
    """Trigger that lets an UPDATE only rotate or request rotation.

    ``truth_table`` says what it does. A write that would bring an older token back, or claim a
    rotation that did not happen, keeps the stored token and marker, and its client is told. Its
    other columns are written.

    ``token`` is a field's name. ``fresh_token``, ``accept`` and ``derived`` are those of the insert
    guard. The trigger does not contain ``make_tokens``, nor what only checks ask: ``unrelated``
    fields, ``stores_plain``, and ``revokes`` for a column of hashes. See ``guard``.
    """

    name = "guard_update"
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def __init__(
        self,
        *,
        token: str,
        marker: Marker,
        fresh_token: str = "gen_random_uuid()",
        make_tokens: str | MakeTokens | None = None,
        accept: str = Accept.FRESH,
        derived: Mapping[str, str] | None = None,
        unrelated: Sequence[str] = (),
        stores_plain: bool = False,
        revokes: bool = False,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.fresh_token = fresh_token
        self.make_tokens = make_tokens
        self.accept = Accept(accept)
        self.derived = dict(derived or {})
        self.unrelated = tuple(unrelated)
        self.stores_plain = stores_plain
        self.revokes = revokes
        super().__init__(name=name)

    def get_declare(self, model: Model) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(bodies.WRITTEN, "RECORD")] if self.derived else []

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        columns = columns_of(model, self.token, self.marker)
        derived = quoted_columns(model, self.derived)
        return pgtrigger.Condition(bodies.update_condition(columns, derived))

    def get_func(self, model: Model) -> str:
        columns = columns_of(model, self.token, self.marker)
        derived = quoted_columns(model, self.derived)
        return bodies.update_body(columns, self.fresh_token, self.accept, derived)


class MoveGuard(OfAToken):
    """Trigger that remembers a deleted row until the next one is inserted.

    PostgreSQL moves a row to another partition by a DELETE and an INSERT. The insert guard knows
    the row by this, and leaves its token alone.
    """

    name = "guard_move"
    when = pgtrigger.Before
    operation = pgtrigger.Delete

    def get_func(self, model: Model) -> str:
        return remember_move(self.columns(model))


class SentGuard(OfAToken):
    """Trigger that looks once more that an inserted token is not retired.

    The INSERT may have waited while another transaction retired it. It fails with
    serialization_failure. Tried again, the insert guard refuses it.
    """

    name = "guard_sent"
    when = pgtrigger.After
    operation = pgtrigger.Insert

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        return pgtrigger.Condition(bodies.sent_condition(self.columns(model)))

    def get_func(self, model: Model) -> str:
        return bodies.sent_body(self.columns(model))


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
    expression = fresh_token.sql if isinstance(fresh_token, TokenFormat) else fresh_token
    length = fresh_token.length if isinstance(fresh_token, TokenFormat) else None
    computed = {name: sql for name, sql in (derived or {}).items() if sql is not None}
    shared = {**columns, "fresh_token": expression, "accept": accept, "derived": computed}
    insert = InsertGuard(
        **shared, length=length, partitioned=partitioned, name=trigger_name("guard_insert", token)
    )
    update = UpdateGuard(
        **shared,
        make_tokens=make_tokens,
        unrelated=[name for name in derived or {} if name not in computed],
        stores_plain=stores_plain,
        revokes=isinstance(fresh_token, TokenFormat) and fresh_token.is_unusable,
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
