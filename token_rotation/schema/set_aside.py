"""Set triggers aside while the type of their column changes."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql import ddl as ddl_sql


@contextmanager
def triggers_set_aside(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> Iterator[None]:
    """Drop the triggers on a column; restore them unchanged afterwards.

    They depend on the column, and PostgreSQL would refuse to alter its type. Use it in a
    transaction, so that no write passes without them. django-pgtrigger does the same, but does not
    find a table with capitals in its name, and loses the comment, which holds the trigger's hash.
    """
    with django_cursor(editor.connection) as cursor:
        cursor.execute(ddl_sql.triggers_on_column(table, column))
        triggers = cursor.fetchall()
        for name, _, _ in triggers:
            cursor.execute(ddl_sql.drop_trigger(table, name))
        yield
        for name, definition, comment in triggers:
            cursor.execute(definition)
            if comment is not None:
                cursor.execute(ddl_sql.comment_on_trigger(table, name, comment))
