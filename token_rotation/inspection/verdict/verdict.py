"""The verdict on a table: what one read of its heap found.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from token_rotation import wording
from token_rotation.inspection.verdict.heap_sums import HeapSums
from token_rotation.inspection.verdict.open_writer import OpenWriter, writers_as_sentence


@dataclass(frozen=True, slots=True)
class ReadRelation:
    """A relation of the table's tree, and its rows in the snapshot.

    ``name`` has its schema and is quoted where needed. ``pending_rows`` are those of the selection.
    """

    name: str
    schema: str
    table: str
    oid: int
    rows: int
    pending_rows: int


@dataclass(frozen=True, slots=True)
class DamagedIndex:
    """An index that lacks entries of rows that are pending in the same snapshot."""

    name: str
    missing_rows: int

    @property
    def mend(self) -> str:
        return f"REINDEX INDEX CONCURRENTLY {self.name}"


@dataclass(frozen=True, slots=True)
class ReadServer:
    """The server that was read, and when.

    Identifier and timeline are None where the role may not read them. ``wal_position`` was read
    before the snapshot was taken.
    """

    system_identifier: str | None
    timeline: int | None
    wal_position: str | None
    snapshot: str
    read_at: datetime
    is_standby: bool
    is_read_only: bool
    database: str
    role: str
    version: str

    @property
    def is_primary(self) -> bool:
        """Return False for a standby, and where every transaction is read-only."""
        return not (self.is_standby or self.is_read_only)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one read of the whole table found, in one snapshot and without an index.

    ``listed`` counts the rows that only a list tells from fresh ones; with ``list_only``, it alone
    is the selection. ``open_writers`` may yet commit a leaked token.
    """

    relations: tuple[ReadRelation, ...]
    sums: HeapSums
    server: ReadServer
    seconds: float
    damaged: tuple[DamagedIndex, ...] = ()
    listed: int = 0
    list_only: bool = False
    open_writers: tuple[OpenWriter, ...] = ()

    @property
    def rows(self) -> int:
        return self.sums.rows.total()

    @property
    def pending(self) -> int:
        """Return the pending rows of the selection."""
        return self.listed + (0 if self.list_only else self.sums.pending.total())

    @property
    def outside(self) -> int:
        """Return the rows that are pending outside of the selection, with the same cut-off."""
        selected = 0 if self.list_only else self.sums.pending.total()
        return self.sums.everywhere - selected

    @property
    def nothing_pending(self) -> bool:
        """Return True if no selected row is pending, and nothing makes that doubtful."""
        return self.pending == 0 and not self.unproven_because

    @property
    def is_written(self) -> bool:
        """Return True if only open writers make it doubtful that nothing is pending."""
        return self.pending == 0 and self.server.is_primary and bool(self.open_writers)

    @property
    def unproven_because(self) -> str:
        """Say why the rows of this read prove nothing; "" where they do."""
        if not self.server.is_primary:
            return not_primary_as_sentence(self.server)
        return writers_as_sentence(self.open_writers) if self.open_writers else ""

    @property
    def nothing_anywhere(self) -> bool:
        """Return True if no row of the whole table is pending, read from the primary."""
        return self.nothing_pending and self.outside == 0

    def as_values(self) -> dict[str, Any]:
        """Return JSON values, for records and evidence."""
        return {
            "complete": self.nothing_anywhere,
            "selection_complete": self.nothing_pending,
            "read": "the heap of each relation, in one snapshot, without an index",
            "relations": [
                {"name": each.name, "oid": each.oid, "rows": each.rows} for each in self.relations
            ],
            "rows": self.rows,
            "pending_rows": self.pending,
            "pending_rows_outside": self.outside,
            "pending_rows_everywhere": self.sums.everywhere,
            "rows_without_a_token": self.sums.absent,
            "markers_later_than_the_clock": self.sums.later,
            "infinite_markers": self.sums.infinite,
            "damaged_indexes": [each.name for each in self.damaged],
            "open_writers": [str(each) for each in self.open_writers],
            "database": self.server.database,
            "role": self.server.role,
            "server_version": self.server.version,
            "system_identifier": self.server.system_identifier,
            "timeline": self.server.timeline,
            "is_standby": self.server.is_standby,
            "is_read_only": self.server.is_read_only,
            "snapshot": self.server.snapshot,
            "wal_position_before": self.server.wal_position,
            "read_at": self.server.read_at.isoformat(),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Unread:
    """The heap was not read to its end; nobody may say complete."""

    because: str
    nothing_pending: bool = False
    nothing_anywhere: bool = False
    outside: int = 0

    def as_values(self) -> dict[str, Any]:
        """Return JSON values, for records and evidence."""
        return {"complete": False, "not_read_because": self.because}


def damage_as_sentence(damaged: tuple[DamagedIndex, ...]) -> str:
    """Say which indexes lack entries, and what to type."""
    rows = wording.things(sum(each.missing_rows for each in damaged), "pending row")
    names = ", ".join(each.name for each in damaged)
    noun = "index" if len(damaged) == 1 else "indexes"
    verb = "is damaged: it lacks" if len(damaged) == 1 else "are damaged: they lack"
    typed = "; ".join(each.mend for each in damaged)
    return f"The {noun} {names} {verb} {rows} that the table has. In psql: {typed}"


def not_primary_as_sentence(server: ReadServer) -> str:
    """Say why a read of this server proves nothing about the primary."""
    what = "is a standby" if server.is_standby else "allows only reading"
    return f"this server {what}, so the primary may have rows that it has not: ask the primary"
