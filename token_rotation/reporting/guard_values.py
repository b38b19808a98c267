"""State of the guard as shown to programs.

There is only this one form.
"""

from __future__ import annotations

from typing import Any

from token_rotation.inspection.preflight import GuardState


def guard_values(guard: GuardState) -> dict[str, Any]:
    """Return the state of the guard as JSON values.

    "ok": a rotation may begin; "holds": no leaked token can come back.
    """
    return {
        "ok": guard.intact,
        "holds": guard.holds,
        "triggers": guard.triggers,
        "indexes": guard.indexes,
        "problems": [str(problem) for problem in guard.wrong],
        "warnings": [str(warning) for warning in guard.warnings],
    }
