"""The default of a text token, in SQL."""

from __future__ import annotations

from typing import Any

from django.db.models.expressions import RawSQL

from token_rotation.tokens.sqlite_functions import LEFT


class TokenSql(RawSQL):
    """PostgreSQL's SQL for a fresh token, which works on SQLite, too."""

    def as_sqlite(self, *_: Any, **__: Any) -> tuple[str, Any]:
        """Return it with the functions that ``token_rotation`` adds to each connection there."""
        return f"({self.sql.replace('left(', f'{LEFT}(', 1)})", self.params
