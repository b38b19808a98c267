"""The database driver: psycopg 3 or psycopg 2, whichever Django uses.

Nothing outside of this package knows which of them it is. ``psycopg2`` and ``psycopg3`` offer the
same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.backends.postgresql.psycopg_any import is_psycopg3  # type: ignore[import-untyped]

from token_rotation.postgres.driver.hooks import Hook as Hook
from token_rotation.postgres.driver.hooks import HookFactory as HookFactory

if TYPE_CHECKING or not is_psycopg3:
    from token_rotation.postgres.driver.psycopg2 import *  # noqa: F403
else:
    from token_rotation.postgres.driver.psycopg3 import *  # noqa: F403
