"""Change columns under a short lock_timeout, with retries."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField, AlterField, CreateModel, RemoveField
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import DateTimeField, Field

from token_rotation.schema.pending.markers import (
    guarded_token,
    may_be_tokens_marker,
    require_none_marked,
    require_none_pending,
)
from token_rotation.schema.polite import PoliteOperation
from token_rotation.schema.set_aside import triggers_set_aside


class CreateModelPolitely(PoliteOperation, CreateModel):
    """Create a table whose foreign keys lock other tables.

    The foreign keys lock the tables that they refer to: SHARE ROW EXCLUSIVE; dropping the table
    backwards: ACCESS EXCLUSIVE. The first foreign key must be the one to the table that serves
    traffic: the notices name who locks that table.
    """

    def table_of(self, app_label: str, state: ProjectState) -> str:
        fields = state.apps.get_model(app_label, self.name)._meta.local_fields
        referenced = next(field.related_model for field in fields if field.is_relation)
        return str(referenced._meta.db_table)


class _AddField(AddField):
    """Django's operation, which takes no marker away while rows are pending."""

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        is_meant = self.allow_migrate_model(schema_editor.connection.alias, model)
        if is_meant and may_be_tokens_marker(model, field):
            require_none_marked(schema_editor, field)
        super().database_backwards(app_label, schema_editor, from_state, to_state)


class AddFieldPolitely(PoliteOperation, _AddField):
    """Add a column (ACCESS EXCLUSIVE).

    The column must need no rewrite of the table. Backwards it does not drop a marker while rows
    are pending.
    """

    must_be_servable = True

    def look_before_undoing(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        whole_state: ProjectState,
    ) -> None:
        """Raise RowsPendingError if the column is a marker and rows are pending."""
        model = from_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        is_meant = self.allow_migrate_model(schema_editor.connection.alias, model)
        if is_meant and may_be_tokens_marker(model, field):
            require_none_pending(schema_editor, field, guarded_token(whole_state, field))

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        """Refuse to merge with a later default.

        Every old row would get that default.
        """
        if isinstance(operation, AlterField) and self.is_same_field_operation(operation):
            return False
        return super().reduce(operation, app_label)


class _AlterField(AlterField):
    """Django's operation, also for a column that triggers depend on."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        before, after = (
            state.apps.get_model(app_label, self.model_name)._meta.get_field(self.name)
            for state in (from_state, to_state)
        )
        connection = schema_editor.connection
        is_retyped = before.db_parameters(connection) != after.db_parameters(connection)
        with ExitStack() as stack:
            if is_retyped and connection.vendor == "postgresql" and not schema_editor.collect_sql:
                table, column = before.model._meta.db_table, before.column
                stack.enter_context(triggers_set_aside(schema_editor, table, column))
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    # AlterField's own database_backwards calls database_forwards.


class AlterFieldPolitely(PoliteOperation, _AlterField):
    """Alter a column (ACCESS EXCLUSIVE).

    The change must need no rewrite of the table.
    """


class _RemoveMarker(RemoveField):
    """Django's operation, which asks if rows are pending, and claims no rotation backwards."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            require_none_marked(schema_editor, model._meta.get_field(self.name))
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            field = model._meta.get_field(self.name)
            bare: Field[Any, Any] = DateTimeField(null=True, editable=False, db_column=field.column)
            bare.set_attributes_from_name(field.name)
            bare.model = model
            schema_editor.add_field(from_state.apps.get_model(app_label, self.model_name), bare)
            schema_editor.alter_field(model, bare, field)


class RemoveMarkerPolitely(PoliteOperation, _RemoveMarker):
    """Drop a marker (ACCESS EXCLUSIVE), unless rows are pending.

    ``token`` is the field of its token: where it may be NULL or blank, rows without a token do not
    count. The column's index of pending rows goes with it. Backwards the column comes without its
    default at first, so that every row is pending.
    """

    def __init__(self, model_name: str, name: str, token: str | None = None) -> None:
        super().__init__(model_name, name)
        self.token = token

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, args, kwargs if self.token is None else {**kwargs, "token": self.token}

    def look_before(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        """Raise RowsPendingError if rows are pending."""
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            meta = model._meta
            token = None if self.token is None else meta.get_field(self.token)
            require_none_pending(schema_editor, meta.get_field(self.name), token)
