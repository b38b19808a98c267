"""Refuse to take back what migrations of others stand on.

Django would take those back first, and all that came after them: the tables of an application, for
the functions of a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations import Migration

from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql import retired as retired_sql
from token_rotation.triggers.library_functions import MADE_BY

OURS = {"token_rotation", "token_rotation_operations"}


def refuse_to_take_others_along(
    plan: Sequence[tuple[Migration, bool]], using: str, **_: Any
) -> None:
    """Raise CommandError before the first step of a ``migrate`` that would do so.

    Also before one that takes functions away which triggers or defaults still call.
    """
    back = [migration for migration, backwards in plan if backwards]
    if not any(each.app_label in OURS for each in back):
        return
    others = [each for each in back if each.app_label not in OURS]
    standing = [each for each in others if any(app in OURS for app, _ in each.dependencies)]
    if standing:
        first = standing[-1]
        raise CommandError(
            f"This would take back {len(others)} migrations of other apps with their tables, since "
            f"{first.app_label}.{first.name} depends on one of token_rotation. Nothing was "
            "changed. docs/adopt/remove.md says how to take that dependency out first"
        )
    names = {(each.app_label, each.name) for each in back}
    functions = [each for each, made_by in MADE_BY.items() if made_by in names]
    table = _caller(using, functions) if functions else None
    if table is not None:
        raise CommandError(
            f"Triggers or defaults of {table} still call functions of token_rotation, and every "
            "write of a token would fail. Nothing was changed. Remove the guard first: "
            "docs/adopt/remove.md"
        )


def _caller(using: str, functions: list[str]) -> str | None:
    if connections[using].vendor != "postgresql":
        return None
    with django_cursor(connections[using]) as cursor:
        cursor.execute(retired_sql.callers(), {"functions": functions})
        found = cursor.fetchone()
    return None if found is None else str(found[0])
