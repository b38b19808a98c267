"""Steps of a guard, in safe order.

First go triggers that are no longer declared, before the columns that they name. The marker comes
without its default, which would mark every old row as rotated. Then the guard lets nothing but
fresh tokens in; then the defaults come, and last the index, built beside the traffic. An index that
it replaces goes after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.db.migrations import AddField, AddIndex, AlterField, RemoveIndex
from django.db.migrations.operations.base import Operation
from django.db.models import DateTimeField, Field, Index
from django.utils.module_loading import import_string
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from token_rotation.declare.model import has_db_default
from token_rotation.declare.pending_index import key_hash_index_name, pending_index_name
from token_rotation.makemigrations.guarded import Guarded, Table
from token_rotation.schema import (
    AddFieldPolitely,
    AddIndexConcurrentlyPolitely,
    AddTriggerPolitely,
    AlterFieldPolitely,
    HashedKey,
    OnTableOf,
    RemoveIndexConcurrentlyPolitely,
    RemoveTriggerPolitely,
    ReplaceTriggerPolitely,
)
from token_rotation.triggers.names import Column, trigger_name
from token_rotation.triggers.retired import KeepDeleted, retired_names

# Attributes of a field that would fill the existing rows.
FILLS_ROWS = ("db_default", "default", "auto_now", "auto_now_add")
OF_THE_COLUMN = ("max_length", "null", "unique", "db_index", "db_collation", "primary_key")


class Place(IntEnum):
    LEFT_INDEX = -3  # it goes with its column, and backwards it comes after it
    REMOVED = -2
    LEFT_MARKER = -1
    TOKEN = 0
    MARKER = 1
    TOKEN_TYPE = 2  # before a guard that issues tokens of the new type
    OTHER_GUARDS = 3  # before the insert guard, which relies on what they remember
    INSERT_GUARD = 4
    UPDATE_GUARD = 5
    RETIRED_TOKENS = 6
    TOKEN_DEFAULT = 7
    MARKER_DEFAULT = 8
    INDEX = 9
    OLD_INDEX = 10


@dataclass(frozen=True)
class Step:
    """One operation of a guard on a model's table.

    One with a ``notice`` may take long, and needs a migration of its own.
    """

    model: str
    place: Place
    operation: Operation
    notice: str | None = None

    @property
    def atomic(self) -> bool:
        return self.place not in {Place.LEFT_INDEX, Place.INDEX, Place.OLD_INDEX}


def steps_of(operation: Operation, guard: Guarded) -> Iterator[Step]:
    """Yield the steps that replace an operation.

    None if it does not concern the guard.
    """
    name = getattr(operation, "model_name", "").lower()
    if name != guard.model[1]:
        return
    match operation:
        case AddField(name=column) if column == guard.token:
            notice = (
                f"{_label(guard)} is a new column with a token for every row: PostgreSQL writes "
                "the whole table anew while traffic waits."
            )
            yield Step(guard.model[1], Place.TOKEN, _politely(AddFieldPolitely, operation), notice)
        case AddField(name=column) if column == guard.marker:
            bare = AddFieldPolitely(guard.model[1], column, _without_default(operation.field))
            yield Step(guard.model[1], Place.MARKER, bare)
            if has_db_default(operation.field):
                whole = AlterFieldPolitely(guard.model[1], column, operation.field)
                yield Step(guard.model[1], Place.MARKER_DEFAULT, whole)
        case AlterField(name=column) if column == guard.token:
            yield _altered_token(operation, guard)
        case AlterField(name=column) if column == guard.marker:
            yield Step(
                guard.model[1], Place.MARKER_DEFAULT, _politely(AlterFieldPolitely, operation)
            )
        case AddIndex() | RemoveIndex():
            yield from _index_steps(operation, guard)
        case AddTrigger(trigger=trigger) if trigger.name in guard.names:
            yield from _guard_steps(operation, guard)
        case AddTrigger(trigger=trigger) if trigger.name in retired_names(guard.token):
            yield Step(
                guard.model[1],
                _retired_place(trigger.name, guard),
                _polite_trigger(operation, guard),
            )


def removal(operation: RemoveTrigger, moved: Mapping[str, str]) -> Step:
    """Return the step that removes a trigger.

    ``moved`` names the proxy that guards from now on, for each that does no more.
    """
    model = operation.model_name.lower()
    remove = RemoveTriggerPolitely(**_kwargs(operation))
    return Step(moved.get(model, model), Place.REMOVED, remove)


def _index_steps(operation: AddIndex | RemoveIndex, guard: Guarded) -> Iterator[Step]:
    model = guard.model[1]
    match operation:
        case AddIndex(index=index) if guard.is_pending_index(index):
            yield Step(guard.model[1], Place.INDEX, AddIndexConcurrentlyPolitely(model, index))
        case RemoveIndex(name=name) if name in guard.index_names and not guard.is_renamed:
            yield Step(
                guard.model[1], Place.OLD_INDEX, RemoveIndexConcurrentlyPolitely(model, name)
            )


def _guard_steps(operation: AddTrigger, guard: Guarded) -> Iterator[Step]:
    name = operation.trigger.name
    yield Step(guard.model[1], _place(name, guard), _polite_trigger(operation, guard))
    is_insert = name == guard.pair.insert.name
    if is_insert and guard.adds_marker and guard.table and isinstance(guard.marker, Column):
        yield from _foreign_marker(guard, guard.marker.name)


def _place(name: str | None, guard: Guarded) -> Place:
    if name == guard.pair.insert.name:
        return Place.INSERT_GUARD
    if name == guard.pair.update.name:
        return Place.UPDATE_GUARD
    return Place.OTHER_GUARDS


def _retired_place(name: str, guard: Guarded) -> Place:
    """Return when a trigger of retired tokens comes.

    That of deleted rows learns that rows move before the insert guard does, and forgets it after:
    it never retires the token of a row that keeps it.
    """
    is_of_deleted = name == trigger_name(KeepDeleted.name, guard.token)
    learns = is_of_deleted and guard.pair.insert.partitioned
    return Place.OTHER_GUARDS if learns else Place.RETIRED_TOKENS


def _polite_trigger(operation: AddTrigger, guard: Guarded) -> Operation:
    is_known = operation.trigger.name in guard.known
    how = ReplaceTriggerPolitely if is_known else AddTriggerPolitely
    polite: Operation = how(model_name=guard.model[1], trigger=operation.trigger)
    return polite


def _foreign_marker(guard: Guarded, marker: str) -> Iterator[Step]:
    table = guard.table
    assert table is not None  # noqa: S101  (the caller has looked)
    column: Field[Any, Any] = DateTimeField(null=True, editable=False)
    add = AddFieldPolitely(table.model_name, marker, column)
    yield Step(guard.model[1], Place.MARKER, OnTableOf(table.app_label, [add]))
    for index in _foreign_indexes(guard, table, marker):
        build = AddIndexConcurrentlyPolitely(table.model_name, index)
        yield Step(guard.model[1], Place.INDEX, OnTableOf(table.app_label, [build], assuming=[add]))


def _foreign_indexes(guard: Guarded, table: Table, marker: str) -> Iterator[Index]:
    name = pending_index_name(table.name, marker, table.token, guard.absent)
    if table.key != guard.token:
        yield Index(fields=[table.key], name=name, condition=guard.is_pending)
        return
    # Where both cost the same, PostgreSQL takes the newer one: that of pending rows alone.
    yield Index(HashedKey(table.key), name=key_hash_index_name(table.name))
    yield Index(HashedKey(table.key), name=name, condition=guard.is_pending)


def _altered_token(operation: AlterField, guard: Guarded) -> Step:
    polite = _politely(AlterFieldPolitely, operation)
    before = guard.token_before
    if before is None or column_of(before) == column_of(operation.field):
        return Step(guard.model[1], Place.TOKEN_DEFAULT, polite)
    notice = (
        f"{_label(guard)} changes more than its default. PostgreSQL may have to read or to write "
        "the whole table while traffic waits; such a change may need a release of its own."
    )
    return Step(guard.model[1], Place.TOKEN_TYPE, polite, notice)


def _label(guard: Guarded) -> str:
    return f"{guard.model[0]}.{guard.model[1]}.{guard.token}"


def _politely(how: type[AddField | AlterField], operation: AddField | AlterField) -> Operation:
    return how(**_kwargs(operation))


def polite_alteration(operation: AlterField) -> Operation:
    """Return the operation as one that takes its lock in short attempts."""
    return _politely(AlterFieldPolitely, operation)


def _kwargs(operation: Operation) -> dict[str, Any]:
    _, _, kwargs = operation.deconstruct()
    return dict(kwargs)


def _without_default(marker: Field[Any, Any]) -> Field[Any, Any]:
    _, path, args, kwargs = marker.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name not in FILLS_ROWS}
    bare: Field[Any, Any] = import_string(path)(*args, **{**kept, "null": True})
    return bare


def column_of(of: Field[Any, Any]) -> tuple[Any, ...]:
    """Return what describes the column, whatever its default."""
    _, path, _, kwargs = of.deconstruct()
    return path, *(kwargs.get(name) for name in OF_THE_COLUMN)
