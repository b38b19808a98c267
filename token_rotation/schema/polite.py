"""Change a table under a short lock_timeout, with retries."""

from functools import partial

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from token_rotation.postgres.ddl_locks.attempts import is_attempting, politely
from token_rotation.schema.refusal import quoting_no_row
from token_rotation.schema.servable import require_servable


class PoliteOperation(Operation):
    """Mixin that runs an operation in short attempts.

    It stands before an operation on one model's table. One that ``must_be_servable`` is among the
    first of a guard's: it refuses a table on which a later one would fail. ``look_before`` and
    ``look_before_undoing`` ask what may take long, before the table is locked.
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
                self.look_before(app_label, schema_editor, from_state, to_state)
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
            if not is_attempting():
                self.look_before_undoing(app_label, schema_editor, from_state, from_state)
            politely(schema_editor, [table], change)

    def look_before(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002  (of others)
        to_state: ProjectState,
    ) -> None:
        """Raise ChangeRefusedError for a table that no guard can serve, where that is asked."""
        if self.must_be_servable and not schema_editor.collect_sql:
            model = to_state.apps.get_model(app_label, self.model_name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                require_servable(schema_editor.connection, model._meta.db_table)

    def look_before_undoing(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        whole_state: ProjectState,
    ) -> None:
        """Raise an error for what must not be undone. ``whole_state`` has the table's triggers."""

    def is_allowed(self, alias: str, app_label: str, state: ProjectState) -> bool:
        """Return False where a router keeps the table from a database, or from a schema in it."""
        model = state.apps.get_model(app_label, self.model_name)._meta.concrete_model
        return bool(self.allow_migrate_model(alias, model))

    def table_of(self, app_label: str, state: ProjectState) -> str:
        """Return the table that the operation locks."""
        table: str = state.apps.get_model(app_label, self.model_name)._meta.db_table
        return table
