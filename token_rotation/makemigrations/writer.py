"""Write ``atomic = False`` into migration files that need it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.commands import makemigrations
from django.db.migrations import Migration
from django.db.migrations.writer import MigrationWriter

DEPENDENCIES = "\n    dependencies = ["


class NonAtomicWriter(MigrationWriter):
    """Writer that adds ``atomic = False``, which Django's own omits.

    CREATE INDEX CONCURRENTLY needs it.
    """

    def as_string(self) -> str:
        text: str = super().as_string()
        if self.migration.atomic:
            return text
        reason = "  # an index comes or goes beside the traffic, in no transaction"
        return text.replace(DEPENDENCIES, f"\n    atomic = False{reason}\n{DEPENDENCIES}", 1)


@contextmanager
def non_atomic_writer() -> Iterator[None]:
    """Let ``makemigrations`` use this writer within the block."""
    module: Any = makemigrations
    before = module.MigrationWriter
    module.MigrationWriter = NonAtomicWriter
    try:
        yield
    finally:
        module.MigrationWriter = before


def remove_written(migrations: Iterable[Migration]) -> None:
    """Remove the files of new migrations: half a file would stop every later command."""
    for migration in migrations:
        Path(MigrationWriter(migration).path).unlink(missing_ok=True)
