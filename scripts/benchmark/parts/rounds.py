"""In which order things are measured."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def shifted(things: Sequence[T], by: int) -> list[T]:
    """The same things, starting `by` places later, so that none is always the first one.

    >>> shifted(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    start = by % max(1, len(things))
    return [*things[start:], *things[:start]]
