"""Which of the ticket application's migrations a database has not."""

from typing import Any

from tests.support.manage import PROJECT


def unapplied(connection: Any) -> set[str]:
    """The names of those that are not recorded as applied."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'tickets'")
        recorded = {name for (name,) in cursor.fetchall()}
    return {path.stem for path in (PROJECT / "migrations").glob("0*.py")} - recorded
