"""Results of a distributed rotation's actions.

They include the results of actions that were killed.
"""

from __future__ import annotations

from typing import Any

from token_rotation.operations.models import BatchOperation
from token_rotation.operations.results import SUCCESSFUL
from token_rotation.operations.stored_output import read_actions, read_object

# The names of the actions.
ROTATE_KEY_RANGE = "RotateKeyRange"
RUN_VACUUM = "RunVacuum"

# Where a running range says in ``live_data`` what it has counted beside its rows.
FIGURES = "figures"


def value_of(work_range: BatchOperation) -> dict[str, Any] | None:
    """Return the range's result, or None.

    It is None while there is no result, or when every attempt failed.
    """
    return _value(work_range, ROTATE_KEY_RANGE)


def figures_of(work_range: BatchOperation) -> dict[str, Any]:
    """Batches, retries and waits of the range's attempts.

    Those of its result; without one, those of the last beat.
    """
    value = value_of(work_range)
    return read_object(read_object(work_range.live_data).get(FIGURES)) if value is None else value


def vacuum_value_of(vacuum: BatchOperation) -> dict[str, Any] | None:
    """Return the result of a VACUUM, or None.

    It is None when the VACUUM has not ended, or its result is unknown.
    """
    return _value(vacuum, RUN_VACUUM)


def _value(operation: BatchOperation, action: str) -> dict[str, Any] | None:
    for result in read_actions(operation.output_data):
        if result.get("action") == action and result.get("status") == SUCCESSFUL:
            return read_object(result.get("value")) or None
    return None
