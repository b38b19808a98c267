"""What a report asks the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with an answer, and the alias of the database that it is put to.

    ``application_name`` is the session's in pg_stat_activity.
    """

    statement: sql.Composable | str
    values: Mapping[str, Any] | Sequence[Any] | None = None
    database: str = "default"
    application_name: str = "report"
