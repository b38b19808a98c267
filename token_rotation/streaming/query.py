"""The query of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_rotation.postgres.driver import sql


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that returns rows, its values and its database.

    The database is an alias. ``application_name`` names the session in pg_stat_activity.
    """

    statement: sql.Composable | str
    values: Mapping[str, Any] | Sequence[Any] | None = None
    database: str = "default"
    application_name: str = "report"
