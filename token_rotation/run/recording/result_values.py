"""Results as stored and as shown to programs.

There is only this one form.
"""

from __future__ import annotations

from typing import Any

from token_rotation.engine.result import Result
from token_rotation.operations.stored_output import UNFINISHED, StoredError


def result_values(result: Result, error: StoredError | None = None) -> dict[str, Any]:
    """Return a result as JSON values.

    The outcome of a failed run is "error".
    """
    return {
        "outcome": "error" if error else result.outcome.name.lower(),
        "error": error and error.as_json(),
        "seconds": round(result.seconds, 3),
        "rows_per_second": round(result.rotated_rows / result.seconds) if result.seconds else None,
        **figures(result),
        "verdict": result.verdict and result.verdict.as_values(),
    }


def stored_values(result: Result, error: StoredError | None = None) -> dict[str, Any]:
    """Return a result as a record stores it: with the reason why it needs a person, if any."""
    unfinished = {} if error or not result.unfinished else {UNFINISHED: result.unfinished}
    return {**result_values(result, error), **unfinished}


def figures(result: Result) -> dict[str, Any]:
    """Return the values that are known while the rotation runs."""
    return {
        "rotated_rows": result.rotated_rows,
        "skipped_rows": result.skipped_rows,
        "batches": result.batches,
        "retries": result.retries,
        "vacuums": result.vacuums,
        "vacuum_seconds": round(result.vacuum_seconds, 3),
        "waited_seconds": {kind: round(s, 3) for kind, s in result.waited_seconds.items()},
        "batch_seconds": result.batch_seconds.as_dict(),
        "refused": result.refused.as_values(),
    }
