"""The input data of a distributed rotation's operations.

The operations were created with them.
"""

from __future__ import annotations

from typing import Any

from token_rotation.errors import UnknownTargetError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_object
from token_rotation.options import RotationOptions
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.resolve import resolve_recorded


def input_of(operation: BatchOperation) -> dict[str, Any]:
    """The input data; empty where a record holds none."""
    return read_object(operation.input_data)


def target_of(rotation: BatchOperation) -> Target:
    """The target with the selection of the operator.

    Raises UnknownTargetError where this code does not have the target, or SelectionError.
    """
    recorded = input_of(rotation)
    target = _target_named(recorded["model"], recorded["database"])
    return resolve_recorded(target, recorded.get("selection"))


def options_of(rotation: BatchOperation) -> RotationOptions:
    """Return the operator's options.

    Raises TypeError where this code knows fewer options.
    """
    return RotationOptions(**input_of(rotation)["options"])


def keys_of(work_range: BatchOperation) -> KeyRange:
    """The keys of a range."""
    return KeyRange(input_of(work_range)["after"], input_of(work_range)["upper"])


def _target_named(label: str, database: str) -> Target:
    try:
        return next(each for each in find_targets(database) if each.label == label)
    except (StopIteration, UnknownTargetError):
        raise UnknownTargetError(f"this worker's code has no rotating token in {label}") from None
