"""Build an index beside the traffic.

Replace what a killed build left behind.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management.base import CommandError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddIndex, RemoveIndex
from django.db.migrations.state import ProjectState
from django.db.models import Model

from token_rotation.postgres.ddl_locks.attempts import politely
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.schema.indexes.background import in_the_background
from token_rotation.schema.indexes.found_index import FoundIndex, expected_index, settled_index
from token_rotation.schema.indexes.partitions import (
    build_on_partitions,
    drop_on_partitions,
    parts_of,
)
from token_rotation.schema.refusal import quoting_no_row
from token_rotation.sql import ddl as ddl_sql


class UnexpectedIndexError(CommandError):
    """Another index of that name exists."""


class AddIndexConcurrentlyPolitely(AddIndexConcurrently):
    """Create an index beside the traffic, also after a kill.

    It uses CREATE INDEX CONCURRENTLY. It keeps a valid index of that name and definition, and waits
    for an index that another session is building. It drops an INVALID one concurrently and builds
    it again. On a partitioned table it builds one on each partition, and attaches them. An index of
    that name with another definition is an error and is not touched. A migration that has other
    operations, too, needs ``atomic = False``, unless the table has no rows, as when a squashed
    migration has just created it.
    """

    outside_transactions = True

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.collect_sql or not self.allow_migrate_model(
            schema_editor.connection.alias, model
        ):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if schema_editor.connection.in_atomic_block and _is_empty(schema_editor, model):
            add = AddIndex(self.model_name, self.index).database_forwards
            change = partial(add, app_label, schema_editor, from_state, to_state)
            politely(schema_editor, [model._meta.db_table], change)
            return
        self._ensure_not_in_transaction(schema_editor)
        with quoting_no_row(model._meta.db_table):
            self._build(schema_editor, model)

    def _build(self, editor: BaseDatabaseSchemaEditor, model: type[Model]) -> None:
        found = settled_index(editor.connection, self.index.name)
        if found and found.valid:
            self._check(editor, model, found)
            return
        parts = parts_of(editor, model._meta.db_table)
        if parts:
            build_on_partitions(editor, model, self.index, parts)
            return
        if found:
            self._drop_invalid(editor)
        with in_the_background(editor.connection, self.index.name):
            cast(Any, editor).add_index(model, self.index, concurrently=True)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
            return
        if schema_editor.collect_sql:
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        self._ensure_not_in_transaction(schema_editor)
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        if parts_of(schema_editor, table):
            drop_on_partitions(schema_editor, self.index.name, table)
            return
        with in_the_background(schema_editor.connection, self.index.name):
            super().database_backwards(app_label, schema_editor, from_state, to_state)

    def _drop_invalid(self, editor: BaseDatabaseSchemaEditor) -> None:
        connection = editor.connection
        with in_the_background(connection, self.index.name), django_cursor(connection) as cursor:
            cursor.execute(ddl_sql.drop_index_concurrently(self.index.name))

    def _check(
        self, editor: BaseDatabaseSchemaEditor, model: type[Model], found: FoundIndex
    ) -> None:
        expected = expected_index(editor, model, self.index)
        if expected and found.is_like(expected):
            return
        raise UnexpectedIndexError(
            f"{model._meta.db_table}: there is another index named {self.index.name}"
            f" ({found.definition}). Nothing was changed. Rename or drop that index, then run"
            " migrate again."
        )


class RemoveIndexConcurrentlyPolitely(RemoveIndexConcurrently):
    """Drop an index beside the traffic, also after a kill.

    It uses DROP INDEX CONCURRENTLY, which leaves an invalid index if it is killed; the next run
    drops that. ``with_column`` leaves it to a later operation, which drops a column that the index
    is about: PostgreSQL drops both at once. Backwards it builds the index again. A migration that
    has other operations, too, needs ``atomic = False``.
    """

    outside_transactions = True

    def __init__(self, model_name: str, name: str, *, with_column: bool = False) -> None:
        super().__init__(model_name, name)
        self.with_column = with_column

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, args, {**kwargs, "with_column": True} if self.with_column else kwargs

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            RemoveIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        if self.with_column:
            return
        if schema_editor.collect_sql or not self.allow_migrate_model(connection.alias, model):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        self._ensure_not_in_transaction(schema_editor)
        if parts_of(schema_editor, model._meta.db_table):
            drop_on_partitions(schema_editor, self.name, model._meta.db_table)
            return
        with in_the_background(connection, self.name), django_cursor(connection) as cursor:
            cursor.execute(ddl_sql.rebuilt(self.name))
            for name in (self.name, *(name for (name,) in cursor.fetchall())):
                cursor.execute(ddl_sql.drop_index_concurrently(name))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        add = AddIndexConcurrentlyPolitely(self.model_name, index)
        add.database_forwards(app_label, schema_editor, from_state, to_state)


def _is_empty(editor: BaseDatabaseSchemaEditor, model: type[Model]) -> bool:
    with django_cursor(editor.connection) as cursor:
        cursor.execute(ddl_sql.has_rows(model._meta.db_table))
        (found,) = cursor.fetchone()
        return not found
