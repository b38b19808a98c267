"""``manage.py makemigrations``: write a guard's steps in the safe order.

The rest is Django's own command, or that of another package.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError
from django.db.migrations import Migration

from token_rotation.command_line.output_end import OutputEnd
from token_rotation.makemigrations.hidden import hidden_command
from token_rotation.makemigrations.writer import non_atomic_writer, remove_written
from token_rotation.postgres import driver
from token_rotation.postgres.faults.failures import reason_of

Changes = dict[str, list[Migration]]


NO_RIGHT = "42501"


_Hidden = hidden_command()


class Command(OutputEnd, _Hidden):  # type: ignore[misc, valid-type]
    def handle(self, *app_labels: str, **options: Any) -> None:
        """Django compares the files with the migrations that the database has applied."""
        try:
            super().handle(*app_labels, **options)
        except ProgrammingError as error:
            if driver.sqlstate_of(error.__cause__) != NO_RIGHT:
                raise
            raise CommandError(
                "It cannot be read which migrations the database has applied: "
                f"{reason_of(error)}. No migration was written. Grant that right, then run "
                "makemigrations again."
            ) from error

    def write_migration_files(self, changes: Changes, *args: Any, **kwargs: Any) -> None:
        """Write all files or, where the disk is full, say, none."""
        try:
            with non_atomic_writer():
                super().write_migration_files(changes, *args, **kwargs)
        except OSError as error:
            if not self.dry_run:
                remove_written(_all(changes))
            if isinstance(error, BrokenPipeError):
                raise
            raise CommandError(
                f"No migration was written: {error.strerror}. Run makemigrations again."
            ) from None
        for migration in _all(changes):
            notice = getattr(migration, "notice", None)
            if notice:
                self.stderr.write(f"{migration.app_label}.{migration.name}: {notice}")

    def write_to_last_migration_files(self, changes: Changes) -> None:
        if any(hasattr(migration, "notice") for migration in _all(changes)):
            raise CommandError(
                "--update would put all the steps of a guard into one migration, which would hold "
                "its locks to the end. Nothing was written. Run makemigrations without it."
            )
        super().write_to_last_migration_files(changes)


def _all(changes: Changes) -> list[Migration]:
    return [migration for migrations in changes.values() for migration in migrations]
