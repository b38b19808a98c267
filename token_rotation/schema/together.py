"""Change one table in one short transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from token_rotation.postgres.ddl_locks import sql
from token_rotation.postgres.ddl_locks.attempts import politely
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.schema.changes import Change, changes
from token_rotation.schema.other_app import OnTableOf
from token_rotation.schema.polite import PoliteOperation
from token_rotation.schema.refusal import quoting_no_row


class TogetherPolitely(Operation):
    """Run operations on one table in one short transaction (ACCESS EXCLUSIVE, taken at once).

    All or none: a kill leaves nothing behind, and nobody meets a part of them. A lock that grew
    from one operation to the next could end a transaction of the traffic that has read the table
    and writes to it now, as a deadlock. What Django has to
    work out is worked out before the first attempt, since the table is locked from the first
    operation to the last. Each must need no rewrite of the table.
    """

    reduces_to_sql = True
    serialization_expand_args: ClassVar = ["operations"]

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = list(operations)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [], {"operations": self.operations}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        found = _prepared(app_label, self.operations, from_state)
        for each in found:
            if isinstance(each.operation, PoliteOperation):
                each.operation.look_before(each.app_label, schema_editor, each.before, each.after)

        def change() -> None:
            for each in found:
                each.forwards(schema_editor)

        _politely(schema_editor, found, change)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        found = _prepared(app_label, self.operations, to_state)
        for each in found:
            if isinstance(each.operation, PoliteOperation):
                each.operation.look_before_undoing(
                    each.app_label, schema_editor, each.after, from_state
                )

        def change() -> None:
            for each in reversed(found):
                each.backwards(schema_editor)

        _politely(schema_editor, found, change)

    def describe(self) -> str:
        return "; ".join(operation.describe() for operation in self.operations)

    @property
    def migration_name_fragment(self) -> str:
        fragment: str = self.operations[0].migration_name_fragment
        return fragment


def _prepared(app_label: str, operations: Sequence[Operation], state: ProjectState) -> list[Change]:
    """Return the changes of the operations, those to another app's table one by one."""
    found = []
    for each in changes(app_label, operations, state):
        if isinstance(each.operation, OnTableOf):
            found += each.operation.changes(each.before)
        else:
            found.append(each)
    for each in found:
        each.render()
    return found


def _politely(
    editor: BaseDatabaseSchemaEditor, found: Sequence[Change], change: Callable[[], None]
) -> None:
    alias = editor.connection.alias
    tables = {
        each.operation.table_of(each.app_label, each.after)
        for each in found
        if isinstance(each.operation, PoliteOperation)
        and each.operation.is_allowed(alias, each.app_label, each.after)
    }

    def locked_change() -> None:
        if tables and not editor.collect_sql and editor.connection.vendor == "postgresql":
            with django_cursor(editor.connection) as cursor:
                cursor.execute(sql.lock_tables(sorted(tables), "ACCESS EXCLUSIVE"))
        change()

    with quoting_no_row(" and ".join(sorted(tables))):
        politely(editor, sorted(tables), locked_change)
