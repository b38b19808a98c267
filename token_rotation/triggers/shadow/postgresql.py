"""A connection that knows the SQL of PostgreSQL; nobody opens it."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.utils import ConnectionHandler

ENGINE = {"ENGINE": "django.db.backends.postgresql", "NAME": "unused"}


def postgresql() -> Any:
    """Return that of the first alias on PostgreSQL; one of its own for a project on SQLite."""
    found = (connections[each] for each in connections if connections[each].vendor == "postgresql")
    return next(found, None) or ConnectionHandler({"default": ENGINE})["default"]
