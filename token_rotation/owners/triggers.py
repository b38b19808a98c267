"""Triggers that keep the markers of a notice truthful, whoever writes the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pgtrigger
from django.db.models import Model

from token_rotation.triggers.base import ReplacedInPlace
from token_rotation.triggers.names import quoted_column, trigger_name

if TYPE_CHECKING:
    from token_rotation.owners.declaration import OwnerNotice


class OfANotice(ReplacedInPlace):
    """Trigger of a notice. "notice" comes after "guard": triggers fire by their names."""

    def __init__(self, notice: OwnerNotice, *, kind: str) -> None:
        self.notice = notice
        super().__init__(name=trigger_name(kind, notice.marker))

    def columns(self, model: Model) -> tuple[str, str, str]:
        """Return rotated, marker and refused, quoted. Raises FieldDoesNotExist."""
        names = (self.notice.rotated, self.notice.marker, self.notice.refused)
        rotated, marker, refused = (quoted_column(model, name) for name in names)
        return rotated, marker, refused


class StartTold(OfANotice):
    """Trigger of inserted rows: whoever makes one hands out its token."""

    when = pgtrigger.Before
    operation = pgtrigger.Insert

    def __init__(self, notice: OwnerNotice) -> None:
        super().__init__(notice, kind="notice_insert")

    def get_func(self, model: Model) -> str:
        rotated, marker, refused = self.columns(model)
        return f"NEW.{marker} := NEW.{rotated}; NEW.{refused} := NULL; RETURN NEW;"


class KeepTold(OfANotice):
    """Trigger of changed markers: each takes the time of the row's token, or keeps its own.

    So a stale save resets neither marker. Only NULL asks for a refused owner once more.
    """

    when = pgtrigger.Before
    operation = pgtrigger.Update

    def __init__(self, notice: OwnerNotice) -> None:
        super().__init__(notice, kind="notice_update")

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        _, *markers = self.columns(model)
        changes = (f"NEW.{each} IS DISTINCT FROM OLD.{each}" for each in markers)
        return pgtrigger.Condition(f"({' OR '.join(changes)})")

    def get_func(self, model: Model) -> str:
        rotated, marker, refused = self.columns(model)
        return (
            f"IF (NEW.{marker} = NEW.{rotated}) IS NOT TRUE "
            f"THEN NEW.{marker} := OLD.{marker}; END IF; "
            f"IF NEW.{refused} IS NOT NULL AND (NEW.{refused} = NEW.{rotated}) IS NOT TRUE "
            f"THEN NEW.{refused} := OLD.{refused}; END IF; RETURN NEW;"
        )
