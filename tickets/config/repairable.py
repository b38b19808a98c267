"""Errors that an operator can repair, each as one line."""

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connections,
)
from django.db.migrations.exceptions import MigrationSchemaMissing

from token_rotation.postgres import first_of, is_read_only, reason_of, sqlstate_of, way_out

NO_RIGHT, NO_SCHEMA, NO_TABLE = "42501", "3F000", "42P01"
SAFE = "What it had not committed is rolled back"


def one_line(error: Exception, *, migrates: bool = False) -> str | None:
    """Return what is wrong, what is safe, and what to do, without a full stop.

    Return None for an error of the program's own, which needs its traceback. Where the command
    ``migrates``, what already exists is none.
    """
    if isinstance(error, ImproperlyConfigured):
        return _joined(str(error))
    if isinstance(error, InterfaceError):  # of a connection that was lost before, say
        error = first_of(error)
    if isinstance(error, OperationalError) and is_connection_failure(error):
        return _joined(f"cannot reach the database: {first_of(error)}")
    if isinstance(error, MigrationSchemaMissing) and isinstance(error.__context__, DatabaseError):
        error = error.__context__  # what PostgreSQL said about django_migrations
    helps = way_out(error) if migrates else None
    if helps:
        return f"PostgreSQL refused it: {reason_of(error)}. {SAFE}. {helps}"
    return _refused(error)


def _refused(error: Exception) -> str | None:
    sqlstate, reason = sqlstate_of(error), reason_of(error)
    if is_read_only(error):
        return f"{reason}. Nothing was changed"
    if sqlstate == NO_RIGHT:
        return _without_right(reason)
    if sqlstate == NO_SCHEMA:
        return _without_right(f"{reason}: it may use no schema of its search_path")
    if sqlstate == NO_TABLE:
        return _missing_table(error)
    if isinstance(error, OperationalError):
        return f"the database refused: {reason}. {SAFE}. Run the same command again"
    return None


def is_connection_failure(error: OperationalError) -> bool:
    """Return True if the connection failed.

    Return False if the server refused a statement.
    """
    return sqlstate_of(error) is None


def _without_right(reason: str) -> str:
    user = connections[DEFAULT_DB_ALIAS].settings_dict["USER"]
    role = " ".join(filter(None, ("the role", user)))
    return (
        f"PostgreSQL refused it to {role}: {reason}. {SAFE}. Grant that right, or connect as a "
        "role that has it, then run the same command again"
    )


def _missing_table(error: Exception) -> str | None:
    """Only a table of a model: what else a statement names is the program's own affair."""
    models = apps.get_models(include_auto_created=True)
    for table in sorted({model._meta.db_table for model in models}, key=len, reverse=True):
        if table in str(error).partition("\n")[0]:
            return (
                f"there is no table {table}, or the role may not see it. {SAFE}. "
                "Run: python manage.py migrate"
            )
    return None


def _joined(text: str) -> str:
    return " ".join(text.split())
