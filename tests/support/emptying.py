"""Empty the database of Django's own tests, at the cost of what is in it."""

from django.db import connections
from django.test import TransactionTestCase

# What migrations fill; a test that adds to them takes it away again.
KEPT = ("django_migrations", "django_content_type", "auth_permission")

EMPTY = """
DO $$
DECLARE
    name regclass;
    holds_rows boolean;
    full_tables text[];
BEGIN
    FOR name IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> ALL ({kept})
    LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE MODE', name);  -- what others have yet to commit
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO holds_rows;
        IF holds_rows THEN
            full_tables := full_tables || name::text;
        END IF;
    END LOOP;
    IF full_tables IS NOT NULL THEN
        EXECUTE format('TRUNCATE %s CASCADE', array_to_string(full_tables, ', '));
    END IF;
END $$
"""


def empty_full_tables(test_case: TransactionTestCase) -> None:
    """What a test that commits does at its end, in place of Django's own way.

    That truncates every table, which is a hundred files, and then lets every app fill its own.
    """
    kept = ", ".join(f"'{table}'" for table in KEPT)
    for alias in test_case._databases_names(include_mirrors=False):
        with connections[alias].cursor() as cursor:
            cursor.execute(EMPTY.format(kept=f"ARRAY[{kept}]"))
