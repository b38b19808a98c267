"""Let each row get a token of its own on SQLite, where an application's tests may run."""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created
from django.dispatch import receiver

from token_rotation.tokens.sqlite_functions import FUNCTIONS


@receiver(connection_created)
def add_functions(connection: Any, **_: Any) -> None:
    """Add what the defaults of tokens call to a new connection."""
    if connection.vendor == "sqlite":
        for name, (arguments, function) in FUNCTIONS.items():
            connection.connection.create_function(name, arguments, function)
