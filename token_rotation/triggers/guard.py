"""Triggers that keep the marker truthful and leaked tokens dead.

They bind every writer: the ORM, old code that does not know the marker, psql, COPY. They do not
fire in sessions with ``session_replication_role = replica``, nor when logical replication applies
changes.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pgtrigger
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import MakeTokens
from token_rotation.triggers.names import Marker, quoted_column, trigger_name

NEEDED_APPS = ("pgtrigger", "token_rotation", "token_rotation.operations")


class InsertGuard(pgtrigger.Trigger):
    """Trigger that gives inserted rows a fresh token and marker.

    It ignores the token and marker that the writer sent.

    ``token`` is a field's name; ``fresh_token`` is an SQL expression for a new token of the
    column's type. ``length`` is that of its tokens, if known; the trigger does not contain it.
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
        # In a long transaction now() would date the token too early.
        token, marker = quoted_column(model, self.token), quoted_column(model, self.marker)
        fresh = f"NEW.{token} := {self.fresh_token}; NEW.{marker} := clock_timestamp();"
        return f"{fresh} RETURN NEW;"


class UpdateGuard(pgtrigger.Trigger):
    """Trigger that lets an UPDATE only rotate or request rotation.

    It rotates a token forwards or asks for a rotation, and nothing else. A write that would bring
    an older token back, or claim a rotation that did not happen, keeps the stored token and marker.
    Its other columns are written.

    ``token`` is a field's name. The trigger does not contain ``make_tokens``, ``stores_plain`` and
    ``revokes``: see ``guard``.
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
        accept: str = "fresh",
        derived: Mapping[str, str | None] | None = None,
        stores_plain: bool = False,
        revokes: bool = False,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.make_tokens = make_tokens
        self.accept = accept
        self.derived = dict(derived or {})
        self.stores_plain = stores_plain
        self.revokes = revokes
        super().__init__(name=name)

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        # The whole decision is in the condition, so a write that may pass costs no function call.
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
    *,
    accept: str = "fresh",
    derived: Mapping[str, str | None] | None = None,
    stores_plain: bool = False,
) -> list[pgtrigger.Trigger]:
    """Return both triggers of a token column, for ``Meta.triggers``.

    ``fresh_token`` is a format, or an SQL expression that gives each row another token: no
    subquery, and at least 128 random bits. ``make_tokens`` is a function, or its dotted path, that
    makes n tokens at a time for the rotation. Without it the rotation uses ``fresh_token``, as
    inserts always do. For several token columns, join the lists; each needs a marker of its own.

    Raises ImproperlyConfigured if an app that it needs is not installed.
    """
    _ensure_installed()
    expression = fresh_token.sql if isinstance(fresh_token, TokenFormat) else fresh_token
    length = fresh_token.length if isinstance(fresh_token, TokenFormat) else None
    insert, update = (trigger_name(each.name, token) for each in (InsertGuard, UpdateGuard))
    return [
        InsertGuard(token=token, marker=marker, fresh_token=expression, length=length, name=insert),
        UpdateGuard(
            token=token,
            marker=marker,
            make_tokens=make_tokens,
            accept=accept,
            derived=derived,
            stores_plain=stores_plain,
            revokes=isinstance(fresh_token, TokenFormat) and fresh_token.is_unusable,
            name=update,
        ),
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
            yield GuardPair(each, updates[each.token])
