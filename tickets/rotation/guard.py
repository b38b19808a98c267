"""The triggers that keep the marker truthful and leaked tokens dead.

They hold for every writer: the ORM, old code that does not know the marker, psql, COPY. They do not
fire for sessions with ``session_replication_role = replica`` nor for logical replication's apply.
"""

import pgtrigger
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

from tickets.rotation.token_source import MakeTokens


class InsertGuard(pgtrigger.Trigger):
    """Every inserted row is born with a fresh token and a marker, whatever its writer sent.

    ``token`` and ``marker`` are field names; ``fresh_token`` is an SQL expression for one new token
    of the token column's type.
    """

    name = "guard_insert"
    when = pgtrigger.Before
    operation = pgtrigger.Insert

    def __init__(
        self,
        *,
        token: str,
        marker: str,
        fresh_token: str = "gen_random_uuid()",
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.fresh_token = fresh_token
        super().__init__(name=name)

    def get_func(self, model: Model) -> str:
        # clock_timestamp(), not now(): in a long transaction now() would date the token too early.
        token, marker = _column(model, self.token), _column(model, self.marker)
        fresh = f"NEW.{token} := {self.fresh_token}; NEW.{marker} := clock_timestamp();"
        return f"{fresh} RETURN NEW;"


class UpdateGuard(pgtrigger.Trigger):
    """An update may rotate a token forwards, and may ask for a rotation; nothing else changes it.

    A write that would bring an older token back, or claim a rotation that did not happen, keeps the
    stored token and marker; its other columns go through. ``token`` and ``marker`` are field names.
    ``make_tokens`` is not part of the trigger: see ``guard``.
    """

    name = "guard_update"
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def __init__(
        self,
        *,
        token: str,
        marker: str,
        make_tokens: str | MakeTokens | None = None,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.make_tokens = make_tokens
        super().__init__(name=name)

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        # The whole decision is made here, so that a write which may pass costs no function call.
        token, marker = _column(model, self.token), _column(model, self.marker)
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
        token, marker = _column(model, self.token), _column(model, self.marker)
        stored = f"NEW.{token} := OLD.{token}; NEW.{marker} := OLD.{marker};"
        return f"{stored} RETURN NEW;"


def guard(
    token: str = "token",
    marker: str = "token_rotated_at",
    fresh_token: str = "gen_random_uuid()",
    make_tokens: str | MakeTokens | None = None,
) -> list[pgtrigger.Trigger]:
    """Both triggers of one token column, for a model's ``Meta.triggers``.

    ``make_tokens`` is a function, or its dotted path, that makes n tokens at a time for the
    rotation; without it the rotation uses ``fresh_token``, as inserts always do.
    """
    return [
        InsertGuard(token=token, marker=marker, fresh_token=fresh_token),
        UpdateGuard(token=token, marker=marker, make_tokens=make_tokens),
    ]


def _column(model: Model, field: str) -> str:
    # django-pgtrigger passes the model's class and calls its type Model.
    found = model._meta.get_field(field)
    if not isinstance(found, Field) or found.column is None:
        raise FieldDoesNotExist(f"{model._meta.label}.{field} has no column of its own")
    return '"{}"'.format(found.column.replace('"', '""'))
