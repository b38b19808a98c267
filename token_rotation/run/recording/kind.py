"""The kinds of runs that have records: what a record's type says, and what people call it."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.sql.records import ROTATION


@dataclass(frozen=True, slots=True)
class Kind:
    """``operation_type`` is stored with each record; ``noun`` stands in sentences."""

    operation_type: str
    noun: str


ROTATIONS = Kind(ROTATION, "rotation")
FILLS = Kind("fill", "fill")
