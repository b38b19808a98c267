"""What is rotated."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from token_rotation.selection.selection import EVERY_ROW, Selection
from token_rotation.tokens.sources import TokenSource


@dataclass(frozen=True, slots=True)
class GuardTrigger:
    """A trigger that must be enabled while the table is rotated.

    ``name`` in the database, ``uri`` to django-pgtrigger; ``digest`` of its definition, which
    django-pgtrigger keeps as the trigger's comment.
    """

    name: str
    uri: str
    digest: str


@dataclass(frozen=True, slots=True)
class Target:
    """One token column of one model on one database, and which of its rows are meant.

    Names are as stored in the database, unquoted. ``label`` is the model's, with the token field's
    name behind it where the model has several. ``guard_triggers`` are the insert and the update
    guard, and those that keep retired tokens where a model has them. ``is_only`` says that no other
    target is on the database's models.
    """

    label: str
    database: str
    table: str
    key_column: str
    token_column: str
    marker_column: str
    token_source: TokenSource
    token_is_unique: bool
    guard_triggers: tuple[GuardTrigger, ...]
    is_only: bool = True
    selection: Selection = EVERY_ROW

    @property
    def command(self) -> str:
        """The command that rotates this target, as an operator types it."""
        return f"{self.whole_command} {shlex.join(self.selection.words)}".rstrip()

    @property
    def whole_command(self) -> str:
        """The same without a selection: options that concern the whole table go with it."""
        return self._typed("rotate_tokens")

    @property
    def clean_up_command(self) -> str:
        """The command that cleans up after a rotation."""
        return self._typed("clean_up_tokens")

    def _typed(self, command: str) -> str:
        label = "" if self.is_only else f" {self.label}"
        suffix = "" if self.database == "default" else f" --database {self.database}"
        return f"python manage.py {command}{label}{suffix}"
