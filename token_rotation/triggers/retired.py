"""Triggers that let no replaced token come back.

They keep a hash of each, in the table of ``RetiredToken``. So every role that writes tokens
needs SELECT and INSERT on it, and the migration of its functions comes before theirs.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.db.models import Model

from token_rotation.triggers.base import OfAToken
from token_rotation.triggers.bodies import as_stored, is_wish, warning
from token_rotation.triggers.columns import GuardedColumns
from token_rotation.triggers.moved import forget_move, is_elsewhere, replaced_in_a_move
from token_rotation.triggers.names import Marker, trigger_name
from token_rotation.triggers.retired_sql import hash_or_null, is_retired, retire, retire_deleted
from token_rotation.triggers.truth_table.words import Said


class _OnANewToken(OfAToken):
    """Trigger on each row whose token an UPDATE changes.

    Other UPDATEs pay nothing. It is not UPDATE OF the column: another trigger may change it in an
    UPDATE that does not name it.
    """

    operation = pgtrigger.Update

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        return pgtrigger.Condition(f"({self.columns(model).differs})")


class RefuseRetired(_OnANewToken):
    """Trigger that refuses to bring a replaced token back.

    It keeps the stored token and marker, and tells the client. The write's other columns are
    written, as with the update guard. This trigger fires first. It leaves a wish to the update
    guard, which issues a fresh token or refuses aloud.
    """

    name = "guard_retired"
    when = pgtrigger.Before

    def get_func(self, model: Model) -> str:
        columns = self.columns(model)
        refused = f"{is_retired('NEW', columns)} AND NOT {is_wish(columns)}"
        refuse = f"{as_stored(columns)} {warning(Said.RETIRED_KEPT)}"
        return f"IF {refused} THEN {refuse} END IF; RETURN NEW;"


class KeepRetired(_OnANewToken):
    """Trigger that stores the hash of the replaced token.

    It does so in the transaction that replaces the token, also if nothing takes its place.

    It checks once more that the new token is not retired: another transaction may have retired it
    while this write waited for its entry in the unique index, or after this transaction took its
    snapshot. Such a write fails with serialization_failure. Tried again, ``RefuseRetired`` refuses
    it quietly.
    """

    name = "keep_retired"
    when = pgtrigger.After

    def get_func(self, model: Model) -> str:
        columns = self.columns(model)
        replaced = hash_or_null("OLD", columns)
        return f"{retire(replaced, _source(model, columns), columns)} RETURN NULL;"


class KeepDeleted(OfAToken):
    """Trigger that stores the hash of a deleted row's token.

    Else whoever still has the token could send it for a new row. It does so in the transaction that
    deletes the row, and for each row of the statement: a look-up and an insert in the table of
    hashes, and with ``partitioned`` a look-up of the row's key. TRUNCATE fires no such trigger.

    PostgreSQL moves a row to another partition by a DELETE and an INSERT. A row that moved is there
    again with its key, its token, and its marker or none. Its token is not retired.
    """

    name = "keep_deleted"
    when = pgtrigger.After
    operation = pgtrigger.Delete

    def __init__(self, *, partitioned: bool = False, **of_a_token: Any) -> None:
        self.partitioned = partitioned
        super().__init__(**of_a_token)

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        return pgtrigger.Condition(f"({self.columns(model).present('OLD')})")

    def get_func(self, model: Model) -> str:
        columns = self.columns(model)
        keep = retire_deleted(_source(model, columns), columns)
        if self.partitioned:
            keep = f"IF NOT ({is_elsewhere(columns)}) THEN {keep} END IF;"
        return f"{keep} RETURN NULL;"


class KeepMoved(OfAToken):
    """Trigger that stores the hash of a token that was replaced while its row moved.

    PostgreSQL moves a row to another partition by a DELETE and an INSERT, and fires no AFTER UPDATE
    trigger. This trigger fires after the insert guard, and uses what ``guard_move`` remembered.
    """

    name = "keep_moved"
    when = pgtrigger.Before
    operation = pgtrigger.Insert

    def get_func(self, model: Model) -> str:
        columns = self.columns(model)
        was_replaced, replaced_hash = replaced_in_a_move(columns)
        keep = retire(replaced_hash, _source(model, columns), columns)
        return f"IF {was_replaced} THEN {keep} {forget_move(columns)} END IF; RETURN NEW;"


KINDS = (RefuseRetired, KeepRetired, KeepDeleted, KeepMoved)


def keep_retired(
    token: str = "token", marker: Marker = "token_rotated_at", *, partitioned: bool = False
) -> list[pgtrigger.Trigger]:
    """Return the triggers, to add to ``guard()`` of the token.

    They belong in the same ``Meta.triggers``. Their migration must depend on
    ``FUNCTIONS_MIGRATION``; ``makemigrations`` writes that. ``partitioned`` as for ``guard``.
    """
    columns: dict[str, Any] = {"token": token, "marker": marker}
    refuse, keep, deleted, moved = ({**columns, "name": name} for name in retired_names(token))
    triggers: list[pgtrigger.Trigger] = [
        RefuseRetired(**refuse),
        KeepRetired(**keep),
        KeepDeleted(**deleted, partitioned=partitioned),
    ]
    return [*triggers, KeepMoved(**moved)] if partitioned else triggers


def retired_names(token: str) -> tuple[str, ...]:
    """Return the names of all triggers of a token."""
    return tuple(trigger_name(kind.name, token) for kind in KINDS)


def _source(model: Model, columns: GuardedColumns) -> str:
    """Name the column, as a literal."""
    source = f"{model._meta.db_table}.{columns.token[1:-1]}"
    return "'{}'".format(source.replace("'", "''"))
