"""Look for tokens where none belongs."""

import re
from collections.abc import Iterable
from typing import Any

from psycopg2 import sql

OWN_TABLES = {"tickets_ticket", "secrets"}


def stored_elsewhere(tickets: Any) -> list[str]:
    """Every row of every table but the tickets', as text."""
    tables = (
        "SELECT relname::text FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    )
    with tickets.cursor() as cursor:
        cursor.execute(tables)
        names = {name for (name,) in cursor.fetchall()} - OWN_TABLES
        assert "token_rotation_operation" in names
        rows: list[str] = []
        for name in names:
            cursor.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name)))
            rows += [row for (row,) in cursor.fetchall()]
        return rows


def tokens_in(texts: Iterable[str], secrets: set[str]) -> list[str]:
    """What holds the first twelve digits of a token, with or without hyphens, in any case."""
    return [
        text
        for text in texts
        if not secrets.isdisjoint(
            re.findall(r"(?=([0-9a-f]{12}))", text.replace("-", "").lower()),
        )
    ]
