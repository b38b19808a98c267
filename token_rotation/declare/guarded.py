"""The guarded tokens of the installed models, by the table that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import Field, Model, Value

from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.names import Column
from token_rotation.triggers.truth_table.words import Accept


@dataclass(frozen=True, slots=True, eq=False)
class GuardedToken:
    """A token field, and what an application's own change of it depends on.

    ``guarding`` is the model that declares the guard, which may be a proxy; the fields belong to
    the model of the table. ``marker`` is None if the marker is only a column. ``derived`` are the
    fields that the guard computes from the token.
    """

    guarding: type[Model]
    token: Field[Any, Any]
    marker: Field[Any, Any] | None
    accepts_sent: bool
    derived: tuple[Field[Any, Any], ...]

    @property
    def label(self) -> str:
        """The token's name in a message."""
        return f"{self.guarding._meta.label}.{self.token.name}"

    @property
    def table_model(self) -> type[Model]:
        """The model whose table has the token's column."""
        return self.token.model

    @property
    def tracked(self) -> tuple[Field[Any, Any], ...]:
        """The fields whose loaded values decide what a save means."""
        return (self.token,) if self.marker is None else (self.token, self.marker)


_guarded: dict[type[Model], tuple[GuardedToken, ...]] = {}


def find_guarded(models: Iterable[type[Model]]) -> Iterator[GuardedToken]:
    """Yield each guarded token of the models once.

    A guard that names no field is left out: the system checks report it.
    """
    found = set()
    for model in models:
        for pair in guards_of(getattr(model._meta, "triggers", [])):
            guarded = _guarded_by(model, pair)
            if guarded is not None and guarded.token not in found:
                found.add(guarded.token)
                yield guarded


def register(guarded: GuardedToken) -> None:
    """Let ``guarded_in`` and ``guarded_of`` find this token."""
    _guarded[guarded.table_model] = (*guarded_in(guarded.table_model), guarded)


def guarded_in(model: type[Model]) -> tuple[GuardedToken, ...]:
    """Return the guarded tokens in the model's own table."""
    return _guarded.get(model._meta.concrete_model or model, ())


def guarded_of(model: type[Model]) -> Iterator[GuardedToken]:
    """Yield the guarded tokens of a model, those in its parents' tables too."""
    tables = (each._meta.concrete_model for each in (model, *model._meta.all_parents))
    for table in dict.fromkeys(tables):  # a proxy has its own model among its parents
        yield from guarded_in(table or model)


def guarding_models(model: type[Model]) -> list[type[Model]]:
    """Return the models that declare guards for this model's tables.

    The model itself comes first, if it is one. Another package's model is guarded by a proxy, and a
    child by its parent.
    """
    tables = {model._meta.concrete_model, *model._meta.all_parents}
    guarding = [
        each
        for each in apps.get_models()
        if each._meta.concrete_model in tables
        and next(guards_of(getattr(each._meta, "triggers", [])), None) is not None
    ]
    return sorted(guarding, key=lambda each: each is not model)


def any_can_be_guarded() -> bool:
    """Return False where no database is PostgreSQL, as in tests on SQLite.

    A query does not know yet which database it is for.
    """
    return any(each.vendor == "postgresql" for each in connections.all())


def is_absent(value: object) -> bool:
    """Return True for a token that opens nothing: NULL or empty text."""
    if isinstance(value, Value):
        value = value.value
    return value is None or (isinstance(value, str) and value == "")


def _guarded_by(model: type[Model], pair: GuardPair) -> GuardedToken | None:
    token = _stored_field(model, pair.update.token)
    marker = pair.update.marker
    if token is None:
        return None
    return GuardedToken(
        guarding=model,
        token=token,
        marker=None if isinstance(marker, Column) else _stored_field(model, marker),
        accepts_sent=pair.insert.accept is Accept.SENT,
        derived=tuple(
            field
            for field in token.model._meta.local_concrete_fields
            if field.name in pair.insert.derived
        ),
    )


def _stored_field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) and field.column is not None else None
