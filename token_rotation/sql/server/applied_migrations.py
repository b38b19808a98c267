"""SQL about the migrations Django recorded as applied.

No lock but ACCESS SHARE.
"""

from token_rotation.postgres.driver import sql

RECORDS_EXIST = sql.SQL("SELECT to_regclass('django_migrations') IS NOT NULL")

MAY_READ_RECORDS = sql.SQL(
    "SELECT coalesce(has_table_privilege(to_regclass('django_migrations'), 'SELECT'), false)"
)

RECORDS = sql.SQL("SELECT app, name FROM django_migrations")

RECORDS_IN_ORDER = sql.SQL("SELECT app, name FROM django_migrations ORDER BY id")
"""The first that was applied comes first."""
