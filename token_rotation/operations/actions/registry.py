"""The action groups of this project, by name.

Apps register theirs in a module ``actions``, which Django imports when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import DuplicateGroupError, UnknownGroupError


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

    def names(self) -> list[str]:
        return sorted(self._groups)

    def __iter__(self) -> Iterator[ActionGroup]:
        return iter(self._groups.values())


registry = Registry()
