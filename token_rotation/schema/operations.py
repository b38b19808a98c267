"""Change fields and triggers under a short lock_timeout, with retries."""

from contextlib import ExitStack
from functools import partial
from typing import cast

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField, AlterField, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Model
from pgtrigger import Trigger as DeclaredTrigger
from pgtrigger.compiler import DropTriggerSql, Trigger, UpsertTriggerSql
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from token_rotation.postgres.ddl_locks.attempts import is_attempting, politely
from token_rotation.schema.refusal import quoting_no_row
from token_rotation.schema.servable import require_servable
from token_rotation.schema.set_aside import triggers_set_aside


class PoliteOperation(Operation):
    """Mixin that runs an operation in short attempts.

    It stands before an operation on one model's table. One that ``must_be_servable`` is among the
    first of a guard's: it refuses a table on which a later one would fail.
    """

    model_name: str
    must_be_servable = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        change = partial(super().database_forwards, app_label, schema_editor, from_state, to_state)
        table = self.table_of(app_label, to_state)
        with quoting_no_row(table):
            if not is_attempting():
                self.require_servable(app_label, schema_editor, to_state)
            politely(schema_editor, [table], change)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        change = partial(super().database_backwards, app_label, schema_editor, from_state, to_state)
        table = self.table_of(app_label, from_state)
        with quoting_no_row(table):
            politely(schema_editor, [table], change)

    def require_servable(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, to_state: ProjectState
    ) -> None:
        """Raise ChangeRefusedError for a table that no guard can serve, where that is asked."""
        if self.must_be_servable and not schema_editor.collect_sql:
            model = to_state.apps.get_model(app_label, self.model_name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                require_servable(schema_editor.connection, model._meta.db_table)

    def table_of(self, app_label: str, state: ProjectState) -> str:
        """Return the table that the operation locks."""
        table: str = state.apps.get_model(app_label, self.model_name)._meta.db_table
        return table


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


class AddFieldPolitely(PoliteOperation, AddField):
    """Add a column (ACCESS EXCLUSIVE).

    The column must need no rewrite of the table.
    """

    must_be_servable = True

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


class AddTriggerPolitely(PoliteOperation, AddTrigger):
    """Install a trigger (SHARE ROW EXCLUSIVE).

    Dropping it backwards: ACCESS EXCLUSIVE.
    """

    must_be_servable = True


class _ReplaceTrigger(AddTrigger):
    """django-pgtrigger's operation, for a trigger that already exists.

    If the model was renamed, the trigger may exist by another id, made for another table.
    """

    trigger: Trigger

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        options = state.models[app_label, self.model_name_lower].options
        others = [each for each in options["triggers"] if each.name != self.trigger.name]
        options["triggers"] = others
        super().state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        before = self._same_name(app_label, from_state)
        self._replace(schema_editor, to_state.apps.get_model(app_label, self.model_name), before)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        before = self._same_name(app_label, to_state)
        _ReplaceTrigger(self.model_name, before)._replace(schema_editor, model, self.trigger)

    def _same_name(self, app_label: str, state: ProjectState) -> Trigger:
        triggers = state.models[app_label, self.model_name_lower].options["triggers"]
        same: Trigger = next(each for each in triggers if each.name == self.trigger.name)
        return same

    def _replace(
        self, editor: BaseDatabaseSchemaEditor, model: type[Model], before: Trigger
    ) -> None:
        if not self.allow_migrate_model_trigger(editor, model):
            return
        table, sql, old = model._meta.db_table, _sql(self.trigger, model), _sql(before, model)
        if old.pgid != sql.pgid:
            editor.execute(str(DropTriggerSql(pgid=old.pgid, table=table)), None)
        install = type(sql)(**{**sql.kwargs, "table": table}, hash=sql.hash)
        editor.execute(str(install), None)

    def describe(self) -> str:
        return f"Replace trigger {self.trigger.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"replace_{super().migration_name_fragment}"


def _sql(trigger: Trigger | DeclaredTrigger, model: type[Model]) -> UpsertTriggerSql:
    compiled = trigger if isinstance(trigger, Trigger) else trigger.compile(cast("Model", model))
    sql: UpsertTriggerSql = compiled.sql
    return sql


class ReplaceTriggerPolitely(PoliteOperation, _ReplaceTrigger):
    """Replace the trigger of the same name (ACCESS EXCLUSIVE).

    One transaction does both, so no write passes between the two.
    """


class RemoveTriggerPolitely(PoliteOperation, RemoveTrigger):
    """Drop a trigger (ACCESS EXCLUSIVE).

    Installing it backwards: SHARE ROW EXCLUSIVE.
    """
