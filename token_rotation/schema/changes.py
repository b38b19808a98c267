"""Operations with the models as they are before and after each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


@dataclass(frozen=True, slots=True)
class Change:
    """An operation of an app, and the models before and after it."""

    app_label: str
    operation: Operation
    before: ProjectState
    after: ProjectState

    def render(self) -> None:
        """Work out the models of both states, once. That takes long in a large project."""
        for state in (self.before, self.after):
            _ = state.apps

    def forwards(self, editor: BaseDatabaseSchemaEditor) -> None:
        self.operation.database_forwards(self.app_label, editor, self.before, self.after)

    def backwards(self, editor: BaseDatabaseSchemaEditor) -> None:
        self.operation.database_backwards(self.app_label, editor, self.after, self.before)


def changes(app_label: str, operations: Iterable[Operation], state: ProjectState) -> list[Change]:
    """Return the changes of the operations, the first of which begins at ``state``."""
    found = []
    for operation in operations:
        after = state.clone()
        operation.state_forwards(app_label, after)
        found.append(Change(app_label, operation, state, after))
        state = after
    return found
