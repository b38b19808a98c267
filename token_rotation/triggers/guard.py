"""The triggers that keep the marker truthful and leaked tokens dead.

They hold for every writer: the ORM, old code that does not know the marker, psql, COPY. They do not
fire for sessions with ``session_replication_role = replica`` nor for logical replication's apply.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pgtrigger
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Field, Model

from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import MakeTokens

NEEDED_APPS = ("pgtrigger", "token_rotation", "token_rotation.operations")
LONGEST_TRIGGER_NAME = 47  # 63 less what django-pgtrigger puts around it


@dataclass(frozen=True)
class Column:
    """A marker that is a column of the table and no field of the model, which another app owns."""

    name: str


Marker = str | Column
"""The name of a field, or a column."""


class InsertGuard(pgtrigger.Trigger):
    """Every inserted row is born with a fresh token and a marker, whatever its writer sent.

    ``token`` is a field's name; ``fresh_token`` is an SQL expression for one new token of the token
    column's type. ``length`` of its tokens, where that is known, is not part of the trigger.
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
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.fresh_token = fresh_token
        self.length = length
        super().__init__(name=name)

    def get_func(self, model: Model) -> str:
        # clock_timestamp(), not now(): in a long transaction now() would date the token too early.
        token, marker = quoted_column(model, self.token), quoted_column(model, self.marker)
        fresh = f"NEW.{token} := {self.fresh_token}; NEW.{marker} := clock_timestamp();"
        return f"{fresh} RETURN NEW;"


class UpdateGuard(pgtrigger.Trigger):
    """An update may rotate a token forwards, and may ask for a rotation; nothing else changes it.

    A write that would bring an older token back, or claim a rotation that did not happen, keeps the
    stored token and marker; its other columns go through. ``token`` is a field's name.
    ``make_tokens`` is not part of the trigger: see ``guard``.
    """

    name = "guard_update"
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def __init__(
        self,
        *,
        token: str,
        marker: Marker,
        make_tokens: str | MakeTokens | None = None,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.make_tokens = make_tokens
        super().__init__(name=name)

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        # The whole decision is made here, so that a write which may pass costs no function call.
        token, marker = quoted_column(model, self.token), quoted_column(model, self.marker)
        claims_a_rotation = (
            f"NEW.{token} IS NOT DISTINCT FROM OLD.{token}"
            f" AND NEW.{marker} IS NOT NULL AND NEW.{marker} IS DISTINCT FROM OLD.{marker}"
        )
        goes_back = (
            f"NEW.{token} IS DISTINCT FROM OLD.{token} AND OLD.{marker} IS NOT NULL"
            f" AND (NEW.{marker} IS NULL OR NEW.{marker} <= OLD.{marker})"
        )
        return pgtrigger.Condition(f"(({claims_a_rotation}) OR ({goes_back}))")

    def get_func(self, model: Model) -> str:
        token, marker = quoted_column(model, self.token), quoted_column(model, self.marker)
        stored = f"NEW.{token} := OLD.{token}; NEW.{marker} := OLD.{marker};"
        return f"{stored} RETURN NEW;"


class GuardPair(NamedTuple):
    """The two triggers of one token column."""

    insert: InsertGuard
    update: UpdateGuard


def guard(
    token: str = "token",
    marker: Marker = "token_rotated_at",
    fresh_token: str | TokenFormat = "gen_random_uuid()",
    make_tokens: str | MakeTokens | None = None,
) -> list[pgtrigger.Trigger]:
    """Both triggers of one token column, for a model's ``Meta.triggers``.

    ``fresh_token`` is a format, or an SQL expression that gives each row another token: no
    subquery, and at least 128 random bits. ``make_tokens`` is a function, or its dotted path, that
    makes n tokens at a time for the rotation; without it the rotation uses ``fresh_token``, as
    inserts always do. Add the lists of several token columns; each needs a marker of its own.

    Raises ImproperlyConfigured where an app that it needs is not installed.
    """
    _ensure_installed()
    expression = fresh_token.sql if isinstance(fresh_token, TokenFormat) else fresh_token
    length = fresh_token.length if isinstance(fresh_token, TokenFormat) else None
    insert, update = (trigger_name(each.name, token) for each in (InsertGuard, UpdateGuard))
    return [
        InsertGuard(token=token, marker=marker, fresh_token=expression, length=length, name=insert),
        UpdateGuard(token=token, marker=marker, make_tokens=make_tokens, name=update),
    ]


def _ensure_installed() -> None:
    """Without our makemigrations, a default of the marker would mark every leaked token as good."""
    missing = [app for app in NEEDED_APPS if apps.apps_ready and not apps.is_installed(app)]
    if missing:
        raise ImproperlyConfigured(f"guard() needs {', '.join(missing)} in INSTALLED_APPS.")


def guards_of(triggers: object) -> Iterator[GuardPair]:
    """The whole guards among a model's triggers, in their order; half a guard is none."""
    listed = triggers if isinstance(triggers, list | tuple) else ()
    updates = {each.token: each for each in listed if isinstance(each, UpdateGuard)}
    for each in listed:
        if isinstance(each, InsertGuard) and each.token in updates:
            yield GuardPair(each, updates[each.token])


def trigger_name(kind: str, token: str) -> str:
    """The name of a token's trigger: the column "token" needs no mention."""
    if token == "token":
        return kind
    name = f"{kind}_{token}"
    if len(name) > LONGEST_TRIGGER_NAME:
        digest = hashlib.sha256(token.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST_TRIGGER_NAME - 9]}_{digest}"
    return name


def quoted_column(model: Model, field: Marker) -> str:
    # django-pgtrigger passes the model's class and calls its type Model.
    if isinstance(field, Column):
        return _quoted(field.name)
    found = model._meta.get_field(field)
    if not isinstance(found, Field) or found.column is None:
        raise FieldDoesNotExist(f"{model._meta.label}.{field} has no column of its own")
    return _quoted(found.column)


def _quoted(column: str) -> str:
    return '"{}"'.format(column.replace('"', '""'))
