"""Make ``makemigrations`` order the changes of guarded models safely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.commands import makemigrations, migrate
from django.db.migrations import Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations.base import Operation
from django.db.models.expressions import RawSQL
from pgtrigger.apps import patch_migrations
from pgtrigger.migrations import RemoveTrigger

from token_rotation.makemigrations.foreign_guards import ForeignGuards
from token_rotation.makemigrations.grouping import grouped
from token_rotation.makemigrations.guarded import (
    Guarded,
    ModelKey,
    pairs_in,
    pending_index_names,
    table_of,
    token_field,
    trigger_names,
)
from token_rotation.makemigrations.leaving import Leaving, leaving
from token_rotation.makemigrations.parts import Changing, is_ours, take_apart
from token_rotation.schema.token_sql import TokenSql
from token_rotation.targets.absent import absent_of
from token_rotation.triggers.guard import GuardPair
from token_rotation.triggers.library_functions import MADE_BY


def install() -> None:
    """Let ``makemigrations`` and ``migrate`` use our autodetector.

    It builds on django-pgtrigger's. Django demands that both use the same one. The order of the two
    apps does not matter: django-pgtrigger leaves a subclass of its own autodetector in place.
    """
    patch_migrations()  # type: ignore[no-untyped-call]
    modules: tuple[Any, ...] = (makemigrations, migrate)
    before = modules[0].MigrationAutodetector
    if issubclass(before, _InSteps):
        return
    detector = type("MigrationAutodetector", (_InSteps, before), {})
    for command in modules:
        command.MigrationAutodetector = detector
        command.Command.autodetector = detector
    app = get_commands()["migrate"]
    if app != "django.core":  # another package has a migrate of its own
        theirs: Any = type(load_command_class(app, "migrate"))
        theirs.autodetector = detector


class _InSteps(MigrationAutodetector):
    """Mixed in before django-pgtrigger's autodetector, which finds the triggers.

    It splits migrations after Django has made them and before Django names them. A table that is
    created with its guard has no rows and no traffic, so it stays one migration.
    """

    migrations: dict[str, list[Migration]]
    kept_model_keys: set[ModelKey]
    new_proxy_keys: set[ModelKey]
    old_model_keys: set[ModelKey]
    new_model_keys: set[ModelKey]

    def deep_deconstruct(self, obj: Any) -> Any:
        """Take a token's default for what it was before it worked on SQLite: no change."""
        if isinstance(obj, TokenSql):
            obj = RawSQL(obj.sql, obj.params)  # noqa: S611  (it was one, and is only compared)
        return super().deep_deconstruct(obj)

    def _detect_changes(self, *args: Any, **kwargs: Any) -> dict[str, list[Migration]]:
        self._pairs = pairs_in(self.to_state)
        graph = kwargs.get("graph", args[1] if len(args) > 1 else None)
        self._foreign = ForeignGuards(self.from_state, self.to_state, self._pairs, graph)
        changes: dict[str, list[Migration]] = super()._detect_changes(  # type: ignore[misc]
            *args, **kwargs
        )
        return changes

    def generate_deleted_models(self) -> None:
        """Drop the guard of a model that goes: else the triggers' functions would stay."""
        super().generate_deleted_models()
        for app_label, name in sorted(self.old_model_keys - self.new_model_keys):
            for trigger in trigger_names(self.from_state, (app_label, name)):
                remove = RemoveTrigger(model_name=name, name=trigger)
                if is_ours(remove):
                    self.add_operation(app_label, remove)

    def generate_deleted_proxies(self) -> None:
        """Take our columns and indexes from other apps' tables where no guard is left."""
        super().generate_deleted_proxies()
        for app_label, steps in self._foreign.left.items():
            for step in steps:
                self.add_operation(app_label, step.operation)

    def _optimize_migrations(self) -> None:
        leaving = list(self._leaving())
        super()._optimize_migrations()  # type: ignore[misc]
        for app_label, migrations in self.migrations.items():
            changing = Changing(
                guards=[each for each in self._guards() if each.model[0] == app_label],
                leaving=[each for each in leaving if each.model[0] == app_label],
                left=self._foreign.left.get(app_label, ()),
                moved=self._foreign.moved.get(app_label, {}),
            )
            self.migrations[app_label] = [
                _after_its_functions(part)
                for migration in migrations
                for part in _split(migration, changing)
            ]

    def _leaving(self) -> Iterator[Leaving]:
        for model in self.kept_model_keys:
            before = model[0], self.renamed_models.get(model, model[1])
            declared = {
                str(each.name) for pair in self._pairs.get(model, ()) for each in pair.triggers
            }
            renamed = {old for (*of, _), old in self.renamed_fields.items() if tuple(of) == model}
            for each in leaving(self.from_state, before, model, declared):
                if not renamed & {each.token, each.marker}:
                    yield each

    def _guards(self) -> list[Guarded]:
        there = self.kept_model_keys | self.new_proxy_keys
        return [
            self._guarded(model, pair)
            for model, pairs in self._pairs.items()
            if model in there
            for pair in pairs
        ]

    def _guarded(self, model: ModelKey, pair: GuardPair) -> Guarded:
        app_label, name = model
        before = app_label, self.renamed_models.get(model, name)
        columns = (pair.update.token, str(pair.update.marker))
        token, marker = (self.renamed_fields.get((*model, each), each) for each in columns)
        fields = self.from_state.models[before].fields if before in self.from_state.models else {}
        known = frozenset(trigger_names(self.from_state, before))
        return Guarded(
            model=model,
            pair=pair,
            known=known,
            token_before=fields.get(token),
            token_name_before=token,
            is_renamed=(token, marker) != columns,
            table=(
                table_of(self.to_state, model, columns[0]) if model in self.new_proxy_keys else None
            ),
            absent=absent_of(token_field(self.to_state, model, columns[0])),
            index_names=pending_index_names(
                self.from_state, before, marker, fields.get(token), token
            ),
            adds_marker=self._foreign.adds_marker(model, pair, known),
        )


def _split(migration: Migration, changing: Changing) -> list[Migration]:
    """Split into a chain of parts.

    The last keeps the name, which others depend on.
    """
    parts = take_apart(migration.app_label, migration.operations, changing)
    if not parts.steps:
        return [migration]
    made = [
        *([_part(migration, parts.before)] if parts.before else []),
        *(
            _part(migration, group.operations, atomic=group.atomic, notice=group.notice)
            for group in grouped(parts.steps)
        ),
        *([_part(migration, parts.after)] if parts.after else []),
    ]
    _set(made[0], dependencies=migration.dependencies, initial=migration.initial)
    made[-1].name = migration.name
    for number, (before, part) in enumerate(pairwise(made), start=1):
        before.name = f"{migration.name}_{number}"
        _set(part, dependencies=[(migration.app_label, before.name)])
    return made


def _after_its_functions(migration: Migration) -> Migration:
    """Add the dependencies on functions of this library, which no field refers to."""
    texts = list(_texts(migration.operations))
    called = (each for each in MADE_BY if any(each in text for text in texts))
    needed = list(dict.fromkeys(MADE_BY[each] for each in called))
    if needed:
        others = [each for each in migration.dependencies if each not in needed]
        _set(migration, dependencies=[*others, *needed])
    return migration


def _texts(operations: Iterable[Operation]) -> Iterator[str]:
    """Yield the SQL of triggers and of defaults."""
    for each in _each(operations):
        yield str(getattr(getattr(each, "trigger", None), "sql", ""))
        fields = [*dict(getattr(each, "fields", ())).values(), getattr(each, "field", None)]
        for field in fields:
            yield str(getattr(getattr(field, "db_default", None), "sql", ""))


def _each(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Yield the operations, and those in them."""
    for operation in operations:
        yield operation
        yield from _each(getattr(operation, "operations", ()))


def _part(
    whole: Migration,
    operations: list[Operation],
    *,
    atomic: bool = True,
    notice: str | None = None,
) -> Migration:
    attributes = {"operations": [], "dependencies": [], "atomic": atomic, "notice": notice}
    part: Migration = type("Migration", (Migration,), attributes)(whole.name, whole.app_label)
    _set(part, operations=operations)
    return part


def _set(migration: Migration, **attributes: Any) -> None:
    """Override class attributes on the instance, as Django's autodetector does."""
    vars(migration).update(attributes)
