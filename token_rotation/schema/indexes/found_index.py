"""Read the catalogue's entry of an index to be built.

A migration is about to build that index.
"""

import time
from typing import NamedTuple

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Index, Model

from token_rotation.postgres.ddl_locks import holders
from token_rotation.postgres.ddl_locks.attempts import LockNotGrantedError, Notices
from token_rotation.postgres.ddl_locks.settings import retry_seconds
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql import ddl as ddl_sql

SECONDS_BETWEEN_LOOKS = 0.5


class FoundIndex(NamedTuple):
    """An index in the catalogue.

    ``builder_pid`` is the session that builds it now.
    """

    table: str
    valid: bool
    definition: str
    builder_pid: int | None

    def is_like(self, other: "FoundIndex") -> bool:
        """Return True if both index the same columns alike.

        They may be in any schema.
        """
        return (
            self.table == other.table
            and self.is_unique == other.is_unique
            and self.method_and_columns == other.method_and_columns
        )

    @property
    def is_unique(self) -> bool:
        return self.definition.startswith("CREATE UNIQUE ")

    @property
    def method_and_columns(self) -> str:
        """Return the definition without names.

        For example "btree (id) WHERE (token_rotated_at IS NULL)".
        """
        return self.definition.partition(" USING ")[2]


def find_index(connection: BaseDatabaseWrapper, name: str) -> FoundIndex | None:
    """Return the index of that name, or None."""
    with django_cursor(connection) as cursor:
        cursor.execute(ddl_sql.index_state(name))
        row = cursor.fetchone()
    return FoundIndex(*row) if row else None


def settled_index(connection: BaseDatabaseWrapper, name: str) -> FoundIndex | None:
    """Wait until no session builds the index, then return it.

    None if there is none. If ``migrate`` is killed with SIGKILL, its server session works on: an
    INVALID index may become valid. Raises ``LockNotGrantedError`` after
    ``TOKEN_ROTATION_DDL_RETRY_SECONDS``.
    """
    deadline = time.monotonic() + retry_seconds()
    notices = Notices()
    while (found := find_index(connection, name)) and found.builder_pid is not None:
        waits_for = holders.in_words(holders.blockers(connection, found.builder_pid))
        line = f"{name}: pid {found.builder_pid} is building it and waits for {waits_for}"
        if time.monotonic() >= deadline:
            raise LockNotGrantedError(
                f"{line}. Nothing was changed, the application goes on as before. End one of"
                " them, then run migrate again."
            )
        if notices.due():
            notices.show(line)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return found


def expected_index(
    editor: BaseDatabaseSchemaEditor, model: type[Model], index: Index
) -> FoundIndex | None:
    """Return PostgreSQL's definition of the model's index.

    It comes from an empty temporary table. Only the server's own text compares exactly with a
    stored definition.
    """
    alias = editor.connection.alias
    with transaction.atomic(using=alias):
        with django_cursor(editor.connection) as cursor:
            cursor.execute(ddl_sql.create_shadow_table(model._meta.db_table))
            cursor.execute(str(index.create_sql(model, editor)), None)
        expected = find_index(editor.connection, index.name)
        transaction.set_rollback(True, using=alias)
    return expected
