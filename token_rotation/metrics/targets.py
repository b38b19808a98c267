"""The targets that a database holds."""

from __future__ import annotations

from django.db import router

from token_rotation.errors import UnknownTargetError
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets, model_of


def targets_on(database: str) -> list[Target]:
    """Return the targets of a database; may be empty.

    The project's routers put their tables there. Raises TokenSourceError as ``find_targets`` does.
    """
    try:
        targets = find_targets(database)
    except UnknownTargetError:
        return []
    return [each for each in targets if router.allow_migrate_model(database, model_of(each))]
