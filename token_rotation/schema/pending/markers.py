"""Keep a marker while rows are pending: without it nobody knows whose token leaked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django.db.models import DateTimeField, Field, Model

from token_rotation.postgres.ddl_locks import sql as lock_sql
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.schema.pending.pending_rows import RowsPendingError, in_words, pending_rows
from token_rotation.sql import ddl as ddl_sql
from token_rotation.triggers.guard_triggers import UpdateGuard
from token_rotation.triggers.names import names_column, trigger_name
from token_rotation.triggers.shadow.registry import every_shadow


def may_be_marker(field: Field[Any, Any]) -> bool:
    """Return True for a field as guards have it for their marker."""
    return isinstance(field, DateTimeField) and field.null and not field.editable


def may_be_tokens_marker(model: type[Model], field: Field[Any, Any]) -> bool:
    """Return True for a field that may be the marker of a token, and is not that of a fill."""
    label = model._meta.label_lower
    fills = {(each.model_label.lower(), each.marker) for each in every_shadow()}
    return may_be_marker(field) and (label, field.name) not in fills


def guarded_token(state: ProjectState, marker: Field[Any, Any]) -> Field[Any, Any] | None:
    """Return the token that a trigger guards with this marker; None if no trigger is left."""
    table = marker.model._meta.db_table
    for (app_label, name), found in state.models.items():
        for trigger in found.options.get("triggers", []):
            if not names_column(trigger, str(marker.column)):
                continue
            meta = state.apps.get_model(app_label, name)._meta
            fields: Sequence[Field[Any, Any]] = meta.concrete_fields
            for field in fields if meta.db_table == table else ():
                if trigger.name == trigger_name(UpdateGuard.name, field.name):
                    return field
    return None


def require_none_pending(
    editor: BaseDatabaseSchemaEditor, marker: Field[Any, Any], token: Field[Any, Any] | None
) -> None:
    """Raise RowsPendingError if rows are pending: read the table before it is locked.

    ``token`` is None where nobody knows it; rows without a token count as pending then.
    """
    if _is_asked(editor):
        table, column = marker.model._meta.db_table, str(marker.column)
        rows = pending_rows(editor.connection, table, column, token, who=f"Dropping {column}")
        if rows:
            raise RowsPendingError(_sentence(in_words(rows), table, column))


def require_none_marked(editor: BaseDatabaseSchemaEditor, marker: Field[Any, Any]) -> None:
    """Lock the table and look again, in its index of pending rows, for rows marked meanwhile.

    Without such an index it does not look: a read of the table would stop the traffic.
    """
    if not _is_asked(editor):
        return
    table, column = marker.model._meta.db_table, str(marker.column)
    with django_cursor(editor.connection) as cursor:
        cursor.execute(lock_sql.lock_tables([table], "ACCESS EXCLUSIVE"))
        cursor.execute(ddl_sql.predicate_of_pending(table, column))
        found = cursor.fetchone()
        if found is None:
            return
        cursor.execute(ddl_sql.USE_AN_INDEX)
        cursor.execute(ddl_sql.any_row(table, *found))
        (is_any,) = cursor.fetchone()
        cursor.execute(ddl_sql.USE_ANY_PLAN)
    if is_any:
        raise RowsPendingError(_sentence("new", table, column))


def _is_asked(editor: BaseDatabaseSchemaEditor) -> bool:
    """Return False where nothing is changed, or where the user lets pending rows be forgotten."""
    return (
        editor.connection.vendor == "postgresql"
        and not editor.collect_sql
        and getattr(settings, "TOKEN_ROTATION_FORGET_PENDING_ROWS", False) is not True
    )


def _sentence(rows: str, table: str, marker: str) -> str:
    return (
        f"{table}: {rows} rows still have a token that may be leaked, and only {marker} tells "
        "which. This step changed nothing, and the application goes on as before. With the guard "
        "in your models, run migrate and rotate_tokens; then remove it. Or set "
        "TOKEN_ROTATION_FORGET_PENDING_ROWS = True to drop the column now"
    )
