"""A column that an application looks tokens up by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, ForeignKey, Model

from token_rotation.errors import UnknownTargetError
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets, model_of
from token_rotation.targets.resolve import headers_of, value_reader
from token_rotation.targets.stored_values import holds_hashes
from token_rotation.triggers.guard import guards_of
from token_rotation.verification.derived_column import DerivedColumn, derived_of


@dataclass(frozen=True, slots=True)
class TokenColumn:
    """One column to look listed tokens up in.

    ``headers`` and ``key_headers`` are the names, in lower case, by which a list may call this
    column and the table's key; ``all_headers`` those of every column. ``read`` turns a line into
    the database's text of a value; it raises ValueError for what the column cannot hold. With
    ``holds_hashes`` the application compares hashes, so no token itself is stored. With
    ``is_declared`` a guard says that the column holds tokens.
    """

    label: str
    database: str
    table: str
    column: str
    headers: frozenset[str]
    key_headers: frozenset[str]
    all_headers: frozenset[str]
    read: Callable[[str], str]
    derived: tuple[DerivedColumn, ...] = ()
    holds_hashes: bool = False
    is_declared: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Table and column."""
        return self.table, self.column

    def values(self, leak_list: LeakList) -> Iterator[str]:
        """Yield the listed values that the column can hold."""
        for text in leak_list.values():
            try:
                yield self.read(text)
            except ValueError:
                continue

    def accepts(self, text: str) -> bool:
        """Return True if the column can hold the value of a line."""
        try:
            self.read(text)
        except ValueError:
            return False
        return True


def column_of(target: Target) -> TokenColumn:
    """Return the token column of a target, with its derived columns."""
    model = model_of(target)
    field = next(each for each in model._meta.concrete_fields if each.column == target.token_column)
    column = _column(model, field, target.label, target.database, derived_of(target))
    hashes = target.revokes or (column.holds_hashes and not _stores_plain(model, field))
    return replace(column, holds_hashes=hashes, is_declared=True)


def target_at(column: TokenColumn) -> Target | None:
    """Return the target whose token a column holds; None where no guard declares it."""
    found = _every_target(column.database) if column.is_declared else []
    places = {(each.table, each.token_column): each for each in found}
    return places.get(column.place)


def _stores_plain(model: type[Model], field: Field[Any, Any]) -> bool:
    pairs = guards_of(getattr(model._meta, "triggers", []))
    return any(pair.update.stores_plain for pair in pairs if pair.update.token == field.name)


def find_columns(database: str, names: Sequence[str] = ()) -> list[TokenColumn]:
    """Return the columns with these names, each once.

    Without names, return every declared token column. A name is "app.Model" or
    "app.Model.token_field" of a declared token, or "app.Model.field" of any field, also "pk".
    Raises UnknownTargetError.
    """
    if not names:
        return [column_of(target) for target in find_targets(database)]
    found = [column for name in names for column in _named(database, name)]
    return list({column.place: column for column in found}.values())


def _named(database: str, name: str) -> list[TokenColumn]:
    try:
        return [column_of(target) for target in find_targets(database, [name])]
    except UnknownTargetError:
        found = _undeclared(database, name)
        if found is None:
            raise
        declared = (column_of(target) for target in _every_target(database))
        return [next((each for each in declared if each.place == found.place), found)]


def _every_target(database: str) -> list[Target]:
    try:
        return find_targets(database)
    except UnknownTargetError:
        return []


def _undeclared(database: str, name: str) -> TokenColumn | None:
    """Return a column that no guard declares; None where no field has the name.

    Raises UnknownTargetError for a field without a column.
    """
    app_label, _, rest = name.partition(".")
    model_name, _, field_name = rest.partition(".")
    try:
        model = apps.get_model(app_label, model_name)
        field = model._meta.pk if field_name == "pk" else model._meta.get_field(field_name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None
    if field not in model._meta.concrete_fields:
        raise UnknownTargetError(
            f"{model._meta.label}.{field_name} has no column in the table of its model. Name a "
            "field that has one"
        )
    return _column(model, field, f"{model._meta.label}.{field.name}", database, ())


def _column(
    model: type[Model],
    field: Field[Any, Any],
    label: str,
    database: str,
    derived: tuple[DerivedColumn, ...],
) -> TokenColumn:
    key: Field[Any, Any] = model._meta.pk
    names = headers_of(field)
    return TokenColumn(
        label=label,
        database=database,
        table=field.model._meta.db_table,
        column=field.column,
        headers=names,
        key_headers=(headers_of(key) | {"pk"}) - names,
        all_headers=frozenset().union(*map(headers_of, model._meta.concrete_fields)),
        read=value_reader(field.target_field if isinstance(field, ForeignKey) else field),
        derived=derived,
        holds_hashes=not field.is_relation and holds_hashes(field),
    )
