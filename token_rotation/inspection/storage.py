"""Size figures of a target, and limits for a clean-up.

They tell when one is worth it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

PAGE_BYTES = 8192
PAGE_OVERHEAD_BYTES = 40  # header and the B-tree's own space
ENTRY_OVERHEAD_BYTES = 12  # tuple header and line pointer
ALIGNMENT_BYTES = 8
NATURAL_FILL = 0.7
"""How full a B-tree with random keys is: pages split in half and fill up again."""

WORTH_REINDEX_RATIO = 1.5
WORTH_REINDEX_BYTES = 1024**2
WORTH_VACUUM_SHARE = 0.1
WORTH_VACUUM_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class IndexBloat:
    """Size of an index, and its size over random keys."""

    name: str
    bytes_now: int
    natural_bytes: int

    @property
    def worth_reindex(self) -> bool:
        """Return True if the index is worth a REINDEX.

        It is 1.5 times its natural size, and 1 MiB above it.
        """
        return (
            self.bytes_now > WORTH_REINDEX_RATIO * self.natural_bytes
            and self.bytes_now - self.natural_bytes >= WORTH_REINDEX_BYTES
        )


@dataclass(frozen=True, slots=True)
class Storage:
    """Sizes and dead rows; None where unknown.

    ``token_indexes`` index the token alone; empty if the server never counted rows. A cancelled
    REINDEX CONCURRENTLY left the ``leftover_indexes`` invalid.
    """

    table_bytes: int | None = None
    index_bytes: int | None = None
    dead_rows: int | None = None
    token_indexes: tuple[IndexBloat, ...] = ()
    leftover_indexes: tuple[str, ...] = ()


def natural_index_bytes(rows: int, token_bytes: int) -> int:
    """Return the size of an index over random keys.

    The index has ``rows`` keys of ``token_bytes`` each.
    """
    aligned = -(-token_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    entries_a_page = (PAGE_BYTES - PAGE_OVERHEAD_BYTES) / (aligned + ENTRY_OVERHEAD_BYTES)
    return PAGE_BYTES * (1 + round(rows / (entries_a_page * NATURAL_FILL)))


def worth_vacuum(dead_rows: int, rows: int, table_bytes: int) -> bool:
    """Return True if dead rows are worth a VACUUM.

    They are a tenth of the table or more, and take 8 MiB or more.
    """
    share = dead_rows / max(1, dead_rows + rows)
    return share >= WORTH_VACUUM_SHARE and share * table_bytes >= WORTH_VACUUM_BYTES
