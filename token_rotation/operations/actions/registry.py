"""The action groups of this project, by name.

Apps register theirs in a module ``actions``, which Django imports when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import DuplicateGroupError, UnknownGroupError

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation


class Registry:
    def __init__(self) -> None:
        self._groups: dict[str, ActionGroup] = {}

    def register(self, group: ActionGroup) -> ActionGroup:
        """Add a group.

        Raises DuplicateGroupError when another group has the name.
        """
        if self._groups.setdefault(group.name, group) is not group:
            raise DuplicateGroupError(group.name)
        return group

    def get(self, name: str) -> ActionGroup:
        """Return the group of that name.

        Raises UnknownGroupError, which lists the registered names.
        """
        try:
            return self._groups[name]
        except KeyError:
            raise UnknownGroupError(name, sorted(self._groups)) from None

    def group_of(self, operation: BatchOperation) -> ActionGroup:
        """Return the group that runs the operation.

        Raises UnknownGroupError.
        """
        return self.get(operation.group_name or operation.operation_type)

    def remove(self, name: str) -> None:
        """Forget a group, so that another can have its name.

        Raises UnknownGroupError.
        """
        self.get(name)
        del self._groups[name]

    def names(self) -> list[str]:
        return sorted(self._groups)

    def __iter__(self) -> Iterator[ActionGroup]:
        return iter(self._groups.values())


registry = Registry()
