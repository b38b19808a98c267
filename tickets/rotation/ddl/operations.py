"""Field and trigger operations, forwards and backwards under a short lock_timeout with retries."""

from functools import partial

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField, AlterField, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from tickets.rotation.ddl.attempts import politely
from tickets.rotation.ddl.refusal import quoting_no_row
from tickets.rotation.ddl.trigger_comments import kept_comments


class PoliteOperation(Operation):
    """Mixed in before an operation on one model's table: runs it in polite attempts."""

    model_name: str

    @quoting_no_row
    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        change = partial(super().database_forwards, app_label, schema_editor, from_state, to_state)
        politely(schema_editor, self._table(app_label, to_state), change)

    @quoting_no_row
    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        change = partial(super().database_backwards, app_label, schema_editor, from_state, to_state)
        politely(schema_editor, self._table(app_label, from_state), change)

    def _table(self, app_label: str, state: ProjectState) -> str:
        table: str = state.apps.get_model(app_label, self.model_name)._meta.db_table
        return table


class CreateModelPolitely(PoliteOperation, CreateModel):
    """Create a table with foreign keys, whose constraints lock the tables that they refer to.

    SHARE ROW EXCLUSIVE; dropping the table backwards: ACCESS EXCLUSIVE. The first foreign key is
    the one to the table that serves traffic: its holders are named in the notices.
    """

    def _table(self, app_label: str, state: ProjectState) -> str:
        fields = state.apps.get_model(app_label, self.name)._meta.local_fields
        referenced = next(field.related_model for field in fields if field.is_relation)
        return str(referenced._meta.db_table)


class AddFieldPolitely(PoliteOperation, AddField):
    """Add a column (ACCESS EXCLUSIVE). The column must need no rewrite of the table."""

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        """Never together with a default that comes later: every old row would get it."""
        if isinstance(operation, AlterField) and self.is_same_field_operation(operation):
            return False
        return super().reduce(operation, app_label)


class _AlterField(AlterField):
    """Django's, without the loss of what triggers were made from."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        with kept_comments(schema_editor, table):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    # AlterField's own database_backwards calls database_forwards.


class AlterFieldPolitely(PoliteOperation, _AlterField):
    """Alter a column (ACCESS EXCLUSIVE). The change must need no rewrite of the table."""


class AddTriggerPolitely(PoliteOperation, AddTrigger):
    """Install a trigger (SHARE ROW EXCLUSIVE; dropping it backwards: ACCESS EXCLUSIVE)."""


class ReplaceTriggerPolitely(AddTriggerPolitely):
    """Put a trigger in the place of the one of the same name (ACCESS EXCLUSIVE).

    In one transaction: no write passes between the two.
    """

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        options = state.models[app_label, self.model_name_lower].options
        others = [each for each in options["triggers"] if each.name != self.trigger.name]
        options["triggers"] = others
        super().state_forwards(app_label, state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        triggers = to_state.models[app_label, self.model_name_lower].options["triggers"]
        before = next(each for each in triggers if each.name == self.trigger.name)
        AddTriggerPolitely(self.model_name, before).database_forwards(
            app_label, schema_editor, from_state, to_state
        )

    def describe(self) -> str:
        return f"Replace trigger {self.trigger.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"replace_{super().migration_name_fragment}"


class RemoveTriggerPolitely(PoliteOperation, RemoveTrigger):
    """Drop a trigger (ACCESS EXCLUSIVE; installing it backwards: SHARE ROW EXCLUSIVE)."""
