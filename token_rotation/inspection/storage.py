"""What a target takes on disk, and whether making it smaller is worth the work."""

from __future__ import annotations

from dataclasses import dataclass

PAGE_BYTES = 8192
PAGE_OVERHEAD_BYTES = 40  # header and the B-tree's own space
ENTRY_OVERHEAD_BYTES = 12  # tuple header and line pointer
ALIGNMENT_BYTES = 8
NATURAL_FILL = 0.7
"""Of a B-tree whose keys come at random: pages split in half and fill up again."""

WORTH_REINDEX_RATIO = 1.5
WORTH_REINDEX_BYTES = 1024**2
WORTH_VACUUM_SHARE = 0.1
WORTH_VACUUM_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class IndexBloat:
    """An index as it is, and as random keys would leave it."""

    name: str
    bytes_now: int
    natural_bytes: int

    @property
    def worth_reindex(self) -> bool:
        """Whether it is well above its natural size, and by more than a trifle."""
        return (
            self.bytes_now > WORTH_REINDEX_RATIO * self.natural_bytes
            and self.bytes_now - self.natural_bytes >= WORTH_REINDEX_BYTES
        )


@dataclass(frozen=True, slots=True)
class Storage:
    """Sizes and dead rows; None where unknown.

    ``token_indexes`` are those of the token alone; none also where rows were never counted.
    ``leftover_indexes`` were left invalid by a REINDEX CONCURRENTLY that was ended.
    """

    table_bytes: int | None = None
    index_bytes: int | None = None
    dead_rows: int | None = None
    token_indexes: tuple[IndexBloat, ...] = ()
    leftover_indexes: tuple[str, ...] = ()


def natural_index_bytes(rows: int, token_bytes: int) -> int:
    """The size of an index over ``rows`` random keys of that width."""
    aligned = -(-token_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    entries_a_page = (PAGE_BYTES - PAGE_OVERHEAD_BYTES) / (aligned + ENTRY_OVERHEAD_BYTES)
    return PAGE_BYTES * (1 + round(rows / (entries_a_page * NATURAL_FILL)))


def worth_vacuum(dead_rows: int, rows: int, table_bytes: int) -> bool:
    """Whether dead rows are a good part of the table, and more than a trifle."""
    share = dead_rows / max(1, dead_rows + rows)
    return share >= WORTH_VACUUM_SHARE and share * table_bytes >= WORTH_VACUUM_BYTES
