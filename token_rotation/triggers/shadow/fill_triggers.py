"""Triggers that fill a row in the transaction that inserts it or changes a source.

They bind every writer, as the guard of a token does. A row whose marker is set was filled from the
sources that it has now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pgtrigger
from django.db.models import ForeignKey, Model

from token_rotation.errors import UnknownTargetError
from token_rotation.triggers.base import ReplacedInPlace
from token_rotation.triggers.names import trigger_name
from token_rotation.triggers.shadow import bodies
from token_rotation.triggers.shadow.compiled import compile_shadow

if TYPE_CHECKING:
    from token_rotation.triggers.shadow.column import ShadowColumn


class OfAShadow(ReplacedInPlace):
    """Trigger of a shadow column. "shadow" comes after "guard": triggers fire by their names."""

    def __init__(self, shadow: ShadowColumn, *, name: str) -> None:
        self.shadow = shadow
        super().__init__(name=name)


class FillInserted(OfAShadow):
    """Trigger that fills an inserted row, whatever the writer sent."""

    when = pgtrigger.Before
    operation = pgtrigger.Insert

    def __init__(self, shadow: ShadowColumn) -> None:
        super().__init__(shadow, name=trigger_name("shadow_insert", shadow.marker))

    def get_func(self, model: Model) -> str:  # noqa: ARG002
        return bodies.insert_body(compile_shadow(self.shadow))


class FillChanged(OfAShadow):
    """Trigger that fills a row anew if a source, a filled column or the marker changes.

    A marker that becomes NULL alone asks for the next run.
    """

    when = pgtrigger.Before
    operation = pgtrigger.Update

    def __init__(self, shadow: ShadowColumn) -> None:
        super().__init__(shadow, name=trigger_name("shadow_update", shadow.marker))

    def get_condition(self, model: Model) -> pgtrigger.Condition:  # noqa: ARG002
        return pgtrigger.Condition(bodies.update_condition(compile_shadow(self.shadow)))

    def get_func(self, model: Model) -> str:  # noqa: ARG002
        return bodies.update_body(compile_shadow(self.shadow))


class RefillRow(OfAShadow):
    """Trigger of a source that fills the row to which its foreign key ``field`` refers."""

    when = pgtrigger.After
    operation = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete

    def __init__(self, shadow: ShadowColumn, field: str) -> None:
        self.field = field
        of = f"{shadow.model_label.partition('.')[2].lower()}_{shadow.marker}"
        super().__init__(shadow, name=trigger_name("shadow_source", of))

    def get_func(self, model: Model) -> str:
        key = model._meta.get_field(self.field)
        label = self.shadow.model_label.lower()  # makemigrations passes models of its own
        if not isinstance(key, ForeignKey) or key.target_field.model._meta.label_lower != label:
            raise UnknownTargetError(
                f"{model._meta.label}.{self.field} is no foreign key to {self.shadow.model_label}"
            )
        column = key.target_field.column
        return bodies.source_body(compile_shadow(self.shadow), column, key.column)
