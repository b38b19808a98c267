"""Bases of the guard's triggers."""

from __future__ import annotations

import pgtrigger
from django.db.models import Model
from pgtrigger.compiler import Trigger

from token_rotation.triggers.columns import GuardedColumns, columns_of
from token_rotation.triggers.names import Marker
from token_rotation.triggers.templates import GuardSql

_NOT_USED = {"ignore_func_name", "constraint", "timing", "referencing"}


class ReplacedInPlace(pgtrigger.Trigger):
    """Trigger that ``GuardSql`` installs: never missing, and not to be ignored."""

    def compile(self, model: Model) -> Trigger:
        compiled = super().compile(model)
        kwargs = {name: text for name, text in compiled.sql.kwargs.items() if name not in _NOT_USED}
        return Trigger(name=self.name, sql=GuardSql(**kwargs))


class OfAToken(ReplacedInPlace):
    """Trigger that needs nothing but the columns of one token; ``token`` is a field's name."""

    def __init__(self, *, token: str, marker: Marker, name: str | None = None) -> None:
        self.token = token
        self.marker = marker
        super().__init__(name=name)

    def columns(self, model: Model) -> GuardedColumns:
        return columns_of(model, self.token, self.marker)
