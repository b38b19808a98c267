"""Find what people name by a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from token_rotation.errors import UnknownTargetError


class Labelled(Protocol):
    @property
    def label(self) -> str: ...


AnyLabelled = TypeVar("AnyLabelled", bound=Labelled)


def named(
    declared: Sequence[AnyLabelled],
    label: str,
    *,
    labels_of: Callable[[AnyLabelled], set[str]],
    kind: str,
) -> list[AnyLabelled]:
    """Return those that a label names, in any case. Raises UnknownTargetError for none."""
    found = [each for each in declared if label.lower() in labels_of(each)]
    if not found:
        known = ", ".join(each.label for each in declared)
        raise UnknownTargetError(f"no {kind} is called {label!r}; there is: {known}")
    return found
