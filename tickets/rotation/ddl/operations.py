"""Field and trigger operations, forwards and backwards under a short lock_timeout with retries."""

from functools import partial

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField, AlterField, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from tickets.rotation.ddl.attempts import politely


class PoliteOperation(Operation):
    """Mixed in before an operation on one model's table: runs it in polite attempts."""

    model_name: str

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        change = partial(super().database_forwards, app_label, schema_editor, from_state, to_state)
        politely(schema_editor, self._table(app_label, to_state), change)

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


class AlterFieldPolitely(PoliteOperation, AlterField):
    """Alter a column (ACCESS EXCLUSIVE). The change must need no rewrite of the table."""


class AddTriggerPolitely(PoliteOperation, AddTrigger):
    """Install a trigger (SHARE ROW EXCLUSIVE; dropping it backwards: ACCESS EXCLUSIVE)."""


class RemoveTriggerPolitely(PoliteOperation, RemoveTrigger):
    """Drop a trigger (ACCESS EXCLUSIVE; installing it backwards: SHARE ROW EXCLUSIVE)."""
