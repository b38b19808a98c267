"""The notice to owners of rotated tokens, as a project declares it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.apps import apps
from django.db.models import F, Model, Q, QuerySet
from django.utils.module_loading import import_string

from token_rotation.owners import registry
from token_rotation.owners.triggers import KeepTold, StartTold

if TYPE_CHECKING:
    from token_rotation.owners.notice import Notice

Tell = Callable[[Sequence["Notice"]], object]
"""Sends a batch of notices, and marks each as told or refused."""


class OwnerNotice:
    """Tells owners of their new tokens, each once: ``notify_owners``.

    ``model`` is "app.Model". ``marker`` and ``refused`` are fields that may be NULL. The marker
    takes the ``rotated`` time that the owner was told of, ``refused`` that which cannot be told:
    for an address that does not exist, for example. ``owners`` leaves out rows without an owner.
    ``tell`` is a function, or its dotted path. It gets a batch of notices, and calls ``told()`` or
    ``refuse(reason)`` of each; others are told later. It sends at most ``batch_items`` at a time,
    and ``max_per_second``.

    ``triggers`` is for ``Meta.triggers``, ``pending`` the condition of an index of the key.
    """

    def __init__(
        self,
        model: str,
        *,
        tell: str | Tell,
        marker: str = "token_notified_at",
        refused: str = "token_notice_refused_at",
        rotated: str = "token_rotated_at",
        owners: Q | None = None,
        batch_items: int = 100,
        max_per_second: int | None = None,
    ) -> None:
        if model.count(".") != 1:
            raise ValueError(f'OwnerNotice: type the model as "app.Model", not {model!r}')
        if batch_items < 1 or (max_per_second is not None and max_per_second < 1):
            raise ValueError("OwnerNotice: batch_items and max_per_second are 1 or more")
        if len({marker, refused, rotated}) < 3:
            raise ValueError("OwnerNotice: marker, refused and rotated are three fields")
        self.model_label = model
        self.marker, self.refused, self.rotated = marker, refused, rotated
        self.owners = owners if owners is not None else Q()
        self.batch_items = batch_items
        self.max_per_second = max_per_second
        self._tell = tell
        registry.register(self)

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.model_label)

    @property
    def tell(self) -> Tell:
        """Return the function. Raises ImportError."""
        found: Tell = import_string(self._tell) if isinstance(self._tell, str) else self._tell
        return found

    @property
    def triggers(self) -> list[pgtrigger.Trigger]:
        """Return the triggers that keep both markers truthful."""
        return [StartTold(self), KeepTold(self)]

    @property
    def untold(self) -> Q:
        """Return the condition of rows that were rotated since their owner was told.

        It asks for another time, not for a later one: a clock may have been set back.
        """
        return Q((f"{self.rotated}__isnull", False)) & self._is_not_of_now(self.marker)

    @property
    def pending(self) -> Q:
        """Return the condition of rows whose owner is to be told."""
        return self.untold & self._is_not_of_now(self.refused) & self.owners

    def rows(self, database: str) -> QuerySet[Any]:
        """Return every row, whatever a manager of the model's own leaves out."""
        return self.model._base_manager.using(database)  # noqa: SLF001

    def _is_not_of_now(self, marker: str) -> Q:
        rotated = F(self.rotated)
        earlier, later = Q((f"{marker}__lt", rotated)), Q((f"{marker}__gt", rotated))
        return Q((f"{marker}__isnull", True)) | earlier | later
