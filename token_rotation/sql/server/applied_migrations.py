"""SQL about the migrations Django recorded as applied.

No lock but ACCESS SHARE.
"""

from psycopg2 import sql

RECORDS_EXIST = sql.SQL("SELECT to_regclass('django_migrations') IS NOT NULL")

RECORDS = sql.SQL("SELECT app, name FROM django_migrations")
