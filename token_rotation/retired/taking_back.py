"""Refuse to take back what migrations of others stand on.

Django would take those back first, and all that came after them: the tables of an application, for
the functions of a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db.migrations import Migration

OURS = {"token_rotation", "token_rotation_operations"}


def refuse_to_take_others_along(plan: Sequence[tuple[Migration, bool]], **_: Any) -> None:
    """Raise CommandError before the first step of a ``migrate`` that would do so."""
    back = [migration for migration, backwards in plan if backwards]
    others = [each for each in back if each.app_label not in OURS]
    if not others or len(others) == len(back):
        return
    standing = [each for each in others if any(app in OURS for app, _ in each.dependencies)]
    first = (standing or others)[-1]
    raise CommandError(
        f"This would take back {len(others)} migrations of other apps with their tables, since "
        f"{first.app_label}.{first.name} depends on one of token_rotation. Nothing was changed. "
        "docs/adopt/remove.md says how to take that dependency out first"
    )
