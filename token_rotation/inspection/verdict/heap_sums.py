"""Sums over the parts of a heap that were read.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class HeapSums:
    """Rows and pending rows by oid of their relation, and figures of the whole table.

    ``pending`` counts rows of the selection; ``everywhere`` those of the whole table with the same
    cut-off. ``absent`` rows have no token. ``later`` rows have a token, and a marker that is
    later than the server's clock, infinity included. ``first`` and ``last`` are the earliest and
    the latest marker.
    """

    rows: Counter[int] = field(default_factory=Counter)
    pending: Counter[int] = field(default_factory=Counter)
    everywhere: int = 0
    absent: int = 0
    later: int = 0
    infinite: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, found: Iterable[tuple[Any, ...]]) -> None:
        """Add the rows of ``sql.verdict.count_in_pages``."""
        for oid, rows, pending, everywhere, absent, later, infinite, first, last in found:
            self.rows[oid] += rows
            self.pending[oid] += pending
            self.everywhere += everywhere
            self.absent += absent
            self.later += later
            self.infinite += infinite
            self.first = min(filter(None, (self.first, first)), default=None)
            self.last = max(filter(None, (self.last, last)), default=None)
