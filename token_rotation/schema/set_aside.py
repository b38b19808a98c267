"""What stands in the way of a change of a column's type."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from token_rotation.sql import ddl as ddl_sql


@contextmanager
def triggers_set_aside(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> Iterator[None]:
    """Without the triggers that name a column, whose type PostgreSQL would not alter otherwise.

    They come back as they were. To be used in a transaction, so that no write passes without them.
    django-pgtrigger would do that too, but finds no table whose name has capitals in it, and
    forgets the comment, which says what a trigger was made from.
    """
    with editor.connection.cursor() as cursor:
        cursor.execute(ddl_sql.triggers_on_column(table, column))
        triggers = cursor.fetchall()
        for name, _, _ in triggers:
            cursor.execute(ddl_sql.drop_trigger(table, name))
        yield
        for name, definition, comment in triggers:
            cursor.execute(definition)
            if comment is not None:
                cursor.execute(ddl_sql.comment_on_trigger(table, name, comment))
