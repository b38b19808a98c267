"""SQL that makes one start of a rotation or a job await another."""

from __future__ import annotations

from token_rotation.postgres.driver import sql

LOCK_CLASS = 1_919_250_544
"""First key of the advisory locks of starts: an arbitrary number, not that of reports."""


def wait_for_other_start() -> sql.Composed:
    """Take the advisory lock of what is called ``label``.

    It lasts until the transaction ends.
    """
    return sql.SQL("SELECT pg_advisory_xact_lock({lock_class}, hashtext(%(label)s))").format(
        lock_class=sql.Literal(LOCK_CLASS)
    )
