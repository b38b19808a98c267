"""What a change of a column's type would lose."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tickets.rotation import ddl_sql


@contextmanager
def kept_comments(editor: BaseDatabaseSchemaEditor, table: str) -> Iterator[None]:
    """Put comments of triggers back that are gone after this block.

    PostgreSQL alters no column that a trigger's WHEN names, so django-pgtrigger drops such a
    trigger and creates it again in the same transaction. It forgets the comment, which says what
    the trigger was made from.
    """
    if editor.collect_sql or editor.connection.vendor != "postgresql":
        yield
        return
    before = _comments(editor, table)
    yield
    with editor.connection.cursor() as cursor:
        for trigger in before.keys() - _comments(editor, table).keys():
            cursor.execute(ddl_sql.comment_on_trigger(table, trigger, before[trigger]))


def _comments(editor: BaseDatabaseSchemaEditor, table: str) -> dict[str, str]:
    with editor.connection.cursor() as cursor:
        cursor.execute(ddl_sql.trigger_comments(table))
        return dict(cursor.fetchall())
