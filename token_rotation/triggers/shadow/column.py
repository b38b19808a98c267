"""A shadow column, as a project declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pgtrigger
from django.apps import apps
from django.db.models import Model, Q

from token_rotation.triggers.shadow import registry
from token_rotation.triggers.shadow.fill_triggers import FillChanged, FillInserted, RefillRow

Values = Mapping[str, Any]
"""Expressions or plain values by the names of fields."""


class ShadowColumn:
    """Fields that ``fill_column`` fills from others, row by row.

    ``model`` is "app.Model", ``marker`` a field that is NULL until a row is filled. ``set`` gives
    each field its expression, as in ``QuerySet.update``, also with subqueries; a function may
    return it, where it needs a model that is declared later. ``pending`` leaves out the rows for
    which it is not true.

    ``triggers`` and ``refilled_by`` are for ``Meta.triggers``. They fill rows that are inserted,
    and fill a row anew in the transaction that changes a source. Without them nobody notices.
    """

    def __init__(
        self,
        model: str,
        marker: str,
        *,
        set: Values | Callable[[], Values],  # noqa: A002  (as in UPDATE ... SET)
        pending: Q | None = None,
    ) -> None:
        if model.count(".") != 1:
            raise ValueError(f'ShadowColumn: type the model as "app.Model", not {model!r}')
        self.model_label = model
        self.marker = marker
        self.pending = pending
        self._set = set
        registry.register(self)

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.model_label)

    @property
    def values(self) -> Values:
        """Return the fields and their expressions, once all models are declared."""
        return self._set() if callable(self._set) else self._set

    @property
    def triggers(self) -> list[pgtrigger.Trigger]:
        """Return the triggers of the model."""
        return [FillInserted(self), FillChanged(self)]

    def refilled_by(self, field: str) -> list[pgtrigger.Trigger]:
        """Return the triggers of a source, whose foreign key ``field`` names the row to fill."""
        return [RefillRow(self, field)]
