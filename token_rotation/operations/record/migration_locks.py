"""Take the migrations' locks before the DDL that needs them."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from token_rotation.postgres.ddl_locks import sql
from token_rotation.postgres.ddl_locks.attempts import politely
from token_rotation.postgres.text_cursor import django_cursor


def lock_referenced_tables(mode: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    """Return code for RunPython that locks the referenced tables.

    They are those of users and content types; ``mode`` is the lock's. A foreign key locks the table
    that it refers to as well, and log-ins queue behind DDL that waits for that lock. So this takes
    it before, politely, and holds it until the migration commits. The code raises what ``politely``
    raises; nothing is changed then.
    """
    return _lock_tables([settings.AUTH_USER_MODEL, "contenttypes.ContentType"], mode)


def lock_operations() -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    """Return code for RunPython that locks the table of operations for an ALTER TABLE."""
    return _lock_tables(["token_rotation_operations.BatchOperation"], "ACCESS EXCLUSIVE")


def _lock_tables(
    labels: list[str], mode: str
) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    def lock(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.collect_sql or editor.connection.vendor != "postgresql":
            return
        tables = [apps.get_model(label)._meta.db_table for label in labels]

        def change() -> None:
            with django_cursor(editor.connection) as cursor:
                cursor.execute(sql.lock_tables(tables, mode))

        politely(editor, tables, change)

    return lock
