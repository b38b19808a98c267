"""The target: one model's token column on one database."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from token_rotation.selection.key_reference import KeyReference
from token_rotation.selection.related_table import RelatedTable
from token_rotation.selection.selection import EVERY_ROW, Selection
from token_rotation.selection.trigger_definition import TriggerDefinition
from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import TokenSource


@dataclass(frozen=True, slots=True)
class GuardTrigger:
    """A trigger that must be enabled during a rotation.

    ``name`` is its name in the database, ``uri`` its name for django-pgtrigger. ``digest`` is the
    hash of its definition, which django-pgtrigger stores as the trigger's comment. ``earlier``
    returns the definitions that migrations installed under this name, which may be slow.
    ``is_new``: an earlier release had no such trigger, and the guard holds without it.
    """

    name: str
    uri: str
    digest: str
    definition: TriggerDefinition
    earlier: Callable[[], tuple[TriggerDefinition, ...]] = field(
        default=tuple, compare=False, repr=False
    )
    is_new: bool = False

    @property
    def short_name(self) -> str:
        """The name that the model gives it."""
        return self.uri.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Absent:
    """The values of a token column that are no token.

    They open nothing. ``nullable``: NULL may stand there. ``text``: '' is no token either.
    """

    nullable: bool = False
    text: bool = False


EVERY_ROW_HAS_A_TOKEN = Absent()


@dataclass(frozen=True, slots=True)
class Target:
    """One token column of one model, and its selected rows.

    The target is on one database.

    Names are as the database stores them, unquoted. ``label`` is the model's; where the model has
    several tokens, the token field's name follows it. ``guard_triggers`` are the insert and the
    update guard, and those that keep retired tokens where a model has them. ``is_only`` is True
    if no other target exists, so commands need no label. ``absent`` says which values are no token.

    The guard computes the columns ``derived`` with ``derived_sql``, one each, in which ``{token}``
    stands for the token. The columns ``unrelated`` are declared not to follow it. With ``revokes``
    the column holds hashes, and fresh values match nothing. ``related`` are the tables that hold a
    part of the same objects. ``key_references`` hold keys by value, where the token is the key.
    Every token issued has ``token_format``; None if that is not known.
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
    derived: tuple[str, ...] = ()
    derived_sql: tuple[str, ...] = ()
    unrelated: tuple[str, ...] = ()
    related: tuple[RelatedTable, ...] = ()
    revokes: bool = False
    absent: Absent = EVERY_ROW_HAS_A_TOKEN
    key_references: tuple[KeyReference, ...] = ()
    token_format: TokenFormat | None = None

    @property
    def hides_keys(self) -> bool:
        """Return True if the token is the primary key, so that no key may leave the server."""
        return self.key_column == self.token_column

    @property
    def presence(self) -> tuple[str, Absent] | None:
        """The column and the values with which a row is never pending."""
        return (self.token_column, self.absent)

    @property
    def secrets(self) -> frozenset[str]:
        """The columns that may hold or tell a token."""
        return frozenset({self.token_column, *self.derived})

    def selecting(self, selection: Selection) -> Target:
        """Return the target with another selection."""
        return replace(self, selection=selection)

    @property
    def unnarrowed(self) -> Target:
        """The target with every row, and the same cut-off."""
        return self.selecting(Selection(issued_before=self.selection.issued_before))

    @property
    def command(self) -> str:
        """The command that an operator types to rotate this target."""
        return f"{self.whole_command} {shlex.join(self.selection.cli_args)}".rstrip()

    @property
    def whole_command(self) -> str:
        """The command without a selection, for whole-table options."""
        return self._typed("rotate_tokens")

    @property
    def clean_up_command(self) -> str:
        """The command that cleans up after a rotation."""
        return self._typed("clean_up_tokens")

    def _typed(self, command: str) -> str:
        label = "" if self.is_only else f" {self.label}"
        suffix = "" if self.database == "default" else f" --database {self.database}"
        return f"python manage.py {command}{label}{suffix}"


def of_tokens(target: object) -> Target:
    """Return the target as one of tokens. Raises TypeError if it is none."""
    if not isinstance(target, Target):
        raise TypeError(f"{type(target).__name__} is no target of tokens")
    return target
