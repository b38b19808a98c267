"""Stop a later deploy while rows are pending."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.management.base import CommandError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, Model

from token_rotation.schema.pending.none_retired import refusal
from token_rotation.schema.pending.pending_rows import RowsPendingError, in_words, pending_rows


class EnsureRotated(Operation):
    """Operation that stops ``migrate`` while rows are pending.

    These are rows of a model that still have a token that may be leaked. ``model`` is its label,
    ``marker`` the field that is NULL for such rows, both as they are at this place in the
    migrations. ``token`` is the token's field: where it may be NULL or blank, rows without a token
    do not count. Where the models keep retired tokens, no row may have one. The migration that adds
    the marker must be among the dependencies. For a model of another app, ``column`` names the
    marker, which only the database knows. The operation changes nothing, forwards or backwards, and
    checks once. It reads the table itself, since an index may lack rows.
    """

    reduces_to_sql = False
    reversible = True

    def __init__(
        self,
        model: str,
        marker: str = "token_rotated_at",
        *,
        column: str | None = None,
        token: str | None = None,
    ) -> None:
        self.model = model
        self.marker = marker
        self.column = column
        self.token = token

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,  # noqa: ARG002
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        """Raise RowsPendingError if rows are pending.

        The error says what to type.
        """
        model = self._model(from_state)
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            return
        if not self.allow_migrate_model(connection.alias, model):
            return
        column = self.column or self._column_of_the_marker(model)
        token = self._token_of(model)
        count = pending_rows(connection, model._meta.db_table, column, token, who="EnsureRotated")
        if count:
            raise RowsPendingError(self._sentence(connection.alias, count))
        refused = refusal(connection, model._meta.db_table, column)
        if refused is not None:
            raise RowsPendingError(refused)

    def database_backwards(self, *_: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Go on only when no token of {self.model} is pending"

    @property
    def migration_name_fragment(self) -> str:
        return f"ensure_rotated_{self.model.rpartition('.')[2].lower()}"

    def _model(self, state: ProjectState) -> type[Model]:
        app_label, _, name = self.model.partition(".")
        try:
            model: type[Model] = state.apps.get_model(app_label, name)
        except LookupError:
            raise CommandError(
                f"EnsureRotated: there is no model {self.model!r} at this place in the migrations: "
                f"name it as app.Model, and a migration of its app in dependencies"
            ) from None
        return model

    def _column_of_the_marker(self, model: type[Model]) -> str:
        try:
            marker: Any = model._meta.get_field(self.marker)
        except FieldDoesNotExist:
            raise CommandError(
                f"EnsureRotated: {self.model} has no field {self.marker!r} at this place in the "
                "migrations: name in dependencies the migration that adds it"
            ) from None
        return str(marker.column)

    def _token_of(self, model: type[Model]) -> Field[Any, Any] | None:
        if self.token is None:
            return None
        try:
            field: Any = model._meta.get_field(self.token)
        except FieldDoesNotExist:
            raise CommandError(
                f"EnsureRotated: {self.model} has no field {self.token!r} at this place in the "
                "migrations: name the token's field as it is there"
            ) from None
        return field if isinstance(field, Field) else None

    def _sentence(self, alias: str, rows: int) -> str:
        database = "" if alias == "default" else f" --database {alias}"
        return (
            f"{self.model}: {in_words(rows)} rows still have a token that may be leaked. This step "
            "changed nothing, and the application goes on as before. Run: python manage.py "
            f"rotate_tokens{database}, then migrate again"
        )
