"""Tables of which row security hides rows from this role."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.postgres.driver import sql

ROLE = sql.SQL("SELECT current_user::text")

HIDDEN_FROM_THIS_ROLE = sql.SQL(
    "SELECT current_user::text, c.relname::text, "
    "ARRAY(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname) "
    "FROM pg_class c WHERE c.relrowsecurity AND row_security_active(c.oid) ORDER BY c.relname"
)
"""Role, table and the names of its policies, for each table. No lock."""


def sentence(role: str, table: str, policies: Sequence[str]) -> str:
    """Say that a role sees only part of a table, and what to do."""
    return f"{hidden(role, table, policies)}. Nothing was changed. Run: {mend(role)}"


def hidden(role: str, table: str, policies: Sequence[str]) -> str:
    """Return the finding, without the full stop."""
    by = f"policy {', '.join(policies)}" if policies else "it has no policy"
    return f"Row security hides rows of {table} from the role {role} ({by})"


def mend(role: str) -> str:
    """Return what to type."""
    return f'ALTER ROLE "{role}" BYPASSRLS in psql, or use a role that sees every row'
