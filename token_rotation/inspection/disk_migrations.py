"""The migrations that this code has."""

from __future__ import annotations

from functools import cache

from django.db.migrations.loader import MigrationLoader

from token_rotation.errors import NotReadyError

MigrationKey = tuple[str, str]
"""App label and name."""


@cache
def disk_migrations() -> dict[MigrationKey, frozenset[MigrationKey]]:
    """Return the installed apps' migrations, each with those it replaces.

    Raises NotReadyError if they cannot be loaded.
    """
    migrations = loaded_migrations().disk_migrations
    return {key: frozenset(migration.replaces) for key, migration in migrations.items()}


@cache
def loaded_migrations() -> MigrationLoader:
    """Return every migration, once loaded. Raises NotReadyError.

    A process that has run for long may find migrations that only a later release can load.
    """
    try:
        return MigrationLoader(None)
    except Exception as error:
        sentence = (
            f"The project's migrations cannot be loaded ({type(error).__name__}), so nobody can "
            "tell what the guard should be. Rotated rows are safe. If the project was upgraded "
            "under this process, run the command again"
        )
        raise NotReadyError((sentence,)) from error
