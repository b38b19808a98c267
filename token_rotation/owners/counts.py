"""How many owners are told, to be told and refused."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections, transaction
from django.db.models import Count, F, Q

from token_rotation.owners.declaration import OwnerNotice
from token_rotation.postgres.statements import EVERY_ROW_OR_ERROR
from token_rotation.postgres.text_cursor import django_cursor


@dataclass(frozen=True, slots=True)
class OwnerCounts:
    """Rows of a table, each counted once.

    ``told`` has those whose token was new with the row, ``nobody`` those without an owner.
    """

    told: int
    to_tell: int
    refused: int
    nobody: int
    not_rotated: int

    @property
    def is_over(self) -> bool:
        """Return True if each row was rotated and its owner told."""
        return not (self.to_tell or self.refused or self.not_rotated)


def count_owners(notice: OwnerNotice, database: str) -> OwnerCounts:
    """Read the whole table in one statement. PostgreSQL refuses if a policy hides rows."""
    rotated = F(notice.rotated)
    refused = notice.untold & notice.owners & Q((notice.refused, rotated))
    wanted = {
        "told": Q((notice.marker, rotated)),
        "to_tell": notice.pending,
        "refused": refused,
        "not_rotated": Q((f"{notice.rotated}__isnull", True)),
    }
    counts = {name: Count("pk", filter=rows) for name, rows in wanted.items()}
    with transaction.atomic(using=database):
        with django_cursor(connections[database]) as cursor:
            cursor.execute(EVERY_ROW_OR_ERROR)
        found = notice.rows(database).aggregate(all=Count("*"), **counts)
    rows = found.pop("all")
    return OwnerCounts(nobody=rows - sum(found.values()), **found)
