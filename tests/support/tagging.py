"""An execute wrapper such as projects install: it appends a comment to every statement."""

from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

TAG = " /* tagged */"


def tag(execute: Callable[..., Any], statement: str, *others: Any) -> Any:
    return execute(statement + TAG, *others)


def tag_every_statement() -> None:
    """As django-querytagger and sqlcommenter do, on all of Django's connections."""
    connection_created.connect(_install)


def _install(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if tag not in connection.execute_wrappers:
        connection.execute_wrappers.append(tag)
