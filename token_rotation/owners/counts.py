"""How many owners are told, to be told and refused."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q

from token_rotation.owners.declaration import OwnerNotice


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
    """Read the whole table in one statement."""
    rotated = F(notice.rotated)
    refused = notice.untold & notice.owners & Q((notice.refused, rotated))
    found = notice.rows(database).aggregate(
        all=Count("*"),
        told=Count("pk", filter=Q((notice.marker, rotated))),
        to_tell=Count("pk", filter=notice.pending),
        refused=Count("pk", filter=refused),
        not_rotated=Count("pk", filter=Q((f"{notice.rotated}__isnull", True))),
    )
    rows = found.pop("all")
    return OwnerCounts(nobody=rows - sum(found.values()), **found)
