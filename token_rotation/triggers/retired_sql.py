"""SQL that looks a token up among the retired ones."""

from __future__ import annotations

from token_rotation.triggers.columns import GuardedColumns

TABLE = "token_rotation_retiredtoken"


def is_retired(row: str, columns: GuardedColumns) -> str:
    """SQL that is true if a row's token is retired. An absent one never is."""
    found = f"EXISTS (SELECT FROM {TABLE} WHERE hash = {retired_hash(row, columns)})"
    return f"({columns.present(row)} AND {found})"


def retired_hash(row: str, columns: GuardedColumns) -> str:
    """SQL that hashes a row's token.

    The text is as PostgreSQL writes it; ``kept.digest`` does it in Python.
    """
    return f"sha256(convert_to({row}.{columns.token}::text, 'UTF8'))"
