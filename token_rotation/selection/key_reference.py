"""A column of another table that holds keys of a target by value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A text column whose rows name the model that they mean.

    ``type_column`` refers to the content types; ``models`` are those of the target's table, each an
    app's label and a name in lower case.
    """

    table: str
    column: str
    type_column: str
    models: tuple[tuple[str, str], ...]
