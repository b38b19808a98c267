"""Change the table of another app without touching its migrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from token_rotation.schema.changes import Change, changes
from token_rotation.schema.outside_transactions import is_outside


class OnTableOf(Operation):
    """Run operations on another app's model, in the database only.

    ``app_label`` is that app's. The app's state is not touched, so neither its own
    ``makemigrations`` nor a later version of it finds a difference. ``assuming`` are operations of
    earlier migrations of this kind, on which these build.
    """

    reduces_to_sql = True
    serialization_expand_args: ClassVar = ["operations", "assuming"]

    def __init__(
        self, app_label: str, operations: Sequence[Operation], assuming: Sequence[Operation] = ()
    ) -> None:
        self.app_label = app_label
        self.operations = list(operations)
        self.assuming = list(assuming)

    @property
    def outside_transactions(self) -> bool:
        """Whether none of the operations can run in a transaction."""
        return all(map(is_outside, self.operations))

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        kwargs: dict[str, Any] = {"app_label": self.app_label, "operations": self.operations}
        if self.assuming:
            kwargs["assuming"] = self.assuming
        return type(self).__name__, [], kwargs

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Do nothing: see the class."""

    def database_forwards(
        self,
        app_label: str,  # noqa: ARG002  (of the migration, not of the table)
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        for change in self.changes(from_state):
            change.forwards(schema_editor)

    def database_backwards(
        self,
        app_label: str,  # noqa: ARG002  (of the migration, not of the table)
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002
        to_state: ProjectState,
    ) -> None:
        for change in reversed(self.changes(to_state)):
            change.backwards(schema_editor)

    def changes(self, state: ProjectState) -> list[Change]:
        """Return what is done to the other app's table, from ``state`` on."""
        state = state.clone()
        for operation in self.assuming:
            operation.state_forwards(self.app_label, state)
        return changes(self.app_label, self.operations, state)

    def describe(self) -> str:
        steps = "; ".join(operation.describe() for operation in self.operations)
        return f"On the table of app {self.app_label}: {steps}"

    @property
    def migration_name_fragment(self) -> str:
        fragment: str = self.operations[0].migration_name_fragment
        return fragment
