"""Changes of a small table of its own, "polite_parcel"."""

from collections.abc import Callable
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from token_rotation.schema import AddFieldPolitely

TABLE = "polite_parcel"
INDEX = "polite_parcel_unweighed"
LOCK_TIMEOUT_MS = 50


def read_in_open_transaction(session: BaseDatabaseWrapper) -> Callable[[], None]:
    """Hold the table as a reader does; returns what ends the transaction."""
    session.set_autocommit(False)
    with session.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {TABLE}")
    return session.rollback


def write_in_open_transaction(session: BaseDatabaseWrapper) -> Callable[[], None]:
    """The same as a writer does."""
    session.set_autocommit(False)
    with session.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} DEFAULT VALUES")
    return session.rollback


def apply(operation: Operation, before: ProjectState, *, atomic: bool = True) -> ProjectState:
    after = before.clone()
    operation.state_forwards("polite", after)
    with connection.schema_editor(atomic=atomic) as editor:
        operation.database_forwards("polite", editor, before, after)
    return after


def unapply(operation: Operation, after: ProjectState, before: ProjectState) -> None:
    with connection.schema_editor(atomic=operation.atomic is not False) as editor:
        operation.database_backwards("polite", editor, after, before)


def value(query: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None


def columns() -> set[str]:
    with connection.cursor() as cursor:
        description = connection.introspection.get_table_description(cursor, TABLE)
    return {column.name for column in description}


def add_colour() -> AddFieldPolitely:
    return AddFieldPolitely("parcel", "colour", models.TextField(null=True))
