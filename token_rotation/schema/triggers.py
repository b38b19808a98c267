"""Change triggers under a short lock_timeout, with retries."""

from typing import cast

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django.db.models import Model
from pgtrigger import Trigger as DeclaredTrigger
from pgtrigger.compiler import DropTriggerSql, Trigger, UpsertTriggerSql
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.schema.polite import PoliteOperation
from token_rotation.sql import ddl as ddl_sql


class _AddTrigger(AddTrigger):
    """django-pgtrigger's operation, which takes the trigger's function away, too."""

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model_trigger(schema_editor, model):
            _drop(schema_editor, model._meta.db_table, _sql(self.trigger, model).pgid)


class AddTriggerPolitely(PoliteOperation, _AddTrigger):
    """Install a trigger (SHARE ROW EXCLUSIVE).

    Dropping it and its function backwards: ACCESS EXCLUSIVE.
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
            _drop(editor, table, old.pgid)
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


class _RemoveTrigger(RemoveTrigger):
    """django-pgtrigger's operation, which takes the trigger's function away, too."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model_trigger(schema_editor, model):
            triggers = from_state.models[app_label, self.model_name_lower].options["triggers"]
            (found,) = (each for each in triggers if each.name == self.name)
            _drop(schema_editor, model._meta.db_table, _sql(found, model).pgid)


def _drop(editor: BaseDatabaseSchemaEditor, table: str, trigger: str) -> None:
    """Drop a trigger and its function, unless another trigger calls that."""
    drop = str(DropTriggerSql(pgid=trigger, table=table))
    if editor.collect_sql:
        editor.execute(f"{drop} DROP FUNCTION IF EXISTS {trigger}();", None)
        return
    with django_cursor(editor.connection) as cursor:
        cursor.execute(ddl_sql.trigger_function(table, trigger))
        found = cursor.fetchone()
        editor.execute(drop, None)
        if found is None or trigger not in found[0]:
            return
        cursor.execute(ddl_sql.has_trigger(*found))
        (is_called,) = cursor.fetchone()
        if not is_called:
            cursor.execute(ddl_sql.drop_function(*found))


class RemoveTriggerPolitely(PoliteOperation, _RemoveTrigger):
    """Drop a trigger and its function (ACCESS EXCLUSIVE).

    Installing it backwards: SHARE ROW EXCLUSIVE.
    """
