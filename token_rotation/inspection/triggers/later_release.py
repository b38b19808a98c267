"""Tell a guard of a later release from a damaged one.

In a deploy, code that knows nothing of the newest migrations still runs beside code that has
applied them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from token_rotation import migrations as library_migrations
from token_rotation.inspection.disk_migrations import MigrationKey, disk_migrations
from token_rotation.inspection.problem import Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server.applied_migrations import MAY_READ_RECORDS, RECORDS_IN_ORDER
from token_rotation.wording import things

LATER_RELEASE = "token_rotation.E060"
"""Nobody who runs this code can judge that guard."""

_LIBRARY = library_migrations.__name__.split(".")[0]


def later_migrations(connection: Connection, target: Target) -> list[str]:
    """Return the migrations of a target's guard that the database has and this code has not.

    They are named "app.name", the first applied first. Driver errors pass through; raises
    NotReadyError if this code's migrations cannot be loaded.
    """
    if not connection.value(MAY_READ_RECORDS):
        return []
    applied = [(str(app), str(name)) for app, name in connection.rows(RECORDS_IN_ORDER)]
    on_disk = disk_migrations()
    known = {*on_disk, *(each for replaced in on_disk.values() for each in replaced)}
    apps = (target.label.partition(".")[0], _LIBRARY)
    return [
        f"{app}.{name}"
        for of_app in apps
        for app, name in _after_the_known([each for each in applied if each[0] == of_app], known)
    ]


def later_release(table: str, triggers: Sequence[str], migrations: Sequence[str]) -> Problem:
    """Return the problem of a guard that this code cannot judge."""
    first, number = migrations[0], things(len(migrations), "migration")
    return Problem(
        LATER_RELEASE,
        f"The guard of {table} ({', '.join(dict.fromkeys(triggers))}) is of a later release, which "
        f"alone can tell whether it holds: the database has {number} that this code lacks, the "
        f"first is {first}",
        f"the same command in the release that has {first}",
    )


def _after_the_known(
    applied: Sequence[MigrationKey], known: Collection[MigrationKey]
) -> Sequence[MigrationKey]:
    """Return what was applied after the last known one.

    Others that are unknown are older: they were squashed, and then deleted. An app of which nothing
    is known tells nothing.
    """
    last = max((place for place, each in enumerate(applied) if each in known), default=None)
    return [] if last is None else applied[last + 1 :]
