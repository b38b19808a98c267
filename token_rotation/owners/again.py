"""Ask for refused owners once more."""

from __future__ import annotations

from django.db.models import F, Q

from token_rotation.owners.declaration import OwnerNotice

ROWS = 1_000


def forget_refusals(notice: OwnerNotice, database: str) -> int:
    """Make refused owners pending; return how many. A transaction has 1,000 rows at most.

    Each UPDATE locks its rows FOR NO KEY UPDATE.
    """
    refused = notice.untold & Q((notice.refused, F(notice.rotated)))
    rows, asked = notice.rows(database), 0
    while keys := list(rows.filter(refused).values_list("pk", flat=True)[:ROWS]):
        changed = rows.filter(refused, pk__in=keys).update(**{notice.refused: None})
        if not changed:  # a trigger of somebody else's keeps them
            break
        asked += changed
    return asked
