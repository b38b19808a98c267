"""Rows whose marker is later than the server's clock, when a cut-off run starts.

A clock ran fast, or was put back since. Nobody knows when such tokens were issued, so they count as
issued before any cut-off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from tempfile import TemporaryFile

from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY, KeyRange, Listed
from token_rotation.selection.target import Target
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.sql.pending import values_of
from token_rotation.targets.resolve import database_clock

LOCK_TIMEOUT_MS = 1_000
HEAP_CHUNKS = 250

Chunk = tuple[list[str], list[str]]
"""Keys and markers of some rows, as text."""


class LaterRows:
    """Key and marker of each such row, as found in one snapshot.

    They are kept in a temporary file, because every row of a table may be one. A row that reaches
    its time later stays in the list; one with another marker is not meant any more.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  (closed by ``close``)
        self.rows = 0
        self.latest: datetime | None = None

    def close(self) -> None:
        self._file.close()

    def add(self, found: list[tuple[str, str, datetime | None]]) -> None:
        """Add rows as ``list_sql.later_rows`` gives them."""
        keys, markers = [key for key, _, _ in found], [marker for _, marker, _ in found]
        self._file.write(json.dumps([keys, markers]) + "\n")
        self.rows += len(found)
        times = [time.replace(tzinfo=UTC) for _, _, time in found if time is not None]
        if times:
            self.latest = max(times) if self.latest is None else max(self.latest, *times)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows, about a thousand at a time. One reader at a time."""
        self._file.seek(0)
        for line in self._file:
            keys, markers = json.loads(line)
            yield keys, markers

    @property
    def covering_cut_off(self) -> datetime | None:
        """Return a cut-off that all of them are issued before, whenever it is typed.

        Until the clock gets there, it counts as ``now``. Markers that Python cannot hold stay later
        than any clock and need none. None if there are only such markers.
        """
        return None if self.latest is None else self.latest + timedelta(microseconds=1)


def find_later_rows(connection: Connection, target: Target) -> tuple[Target, LaterRows]:
    """Find the later rows of a selection with a cut-off; settle the cut-off at that moment.

    A cut-off that was not in the past when it was typed becomes the time of this look. Then each
    row is either earlier, or found here, or issued after this moment. The caller closes the rows.
    Reads the whole table in one snapshot. Driver errors pass through.
    """
    settings = (
        statements.LIMIT_LOCK_WAIT,
        statements.NO_STATEMENT_TIMEOUT,
        # To a snapshot from before an ALTER TABLE that rewrites it, the table seems empty.
        list_sql.lock(target),
    )
    later = LaterRows()
    try:
        with connection.transaction(
            *settings,
            values={"lock_timeout_ms": LOCK_TIMEOUT_MS},
            begin=statements.BEGIN_ONE_SNAPSHOT,
        ):
            read_at = database_clock(connection)  # takes the snapshot
            connection.rows(statements.LASTING)
            target = replace(target, selection=target.selection.settled_at(read_at))
            values = {**values_of(target, EVERY_KEY), "read_at": read_at}
            connection.change(list_sql.later_rows(target), values)
            while found := connection.rows(list_sql.FETCH_LATER):
                later.add([(key, marker, time) for key, marker, time in found])
    except BaseException:
        later.close()
        raise
    return target, later


def count_reached(connection: Connection, target: Target, later: LaterRows) -> int:
    """Count the rows that still have their token, and whose marker the clock has reached since.

    No other count of pending rows has them. Driver errors pass through.
    """
    total = 0
    for chunk in later.chunks():
        rows = as_listed(chunk)
        query = statements.together(
            statements.WITHOUT_A_LIMIT, list_sql.count_reached(target, rows)
        )
        total += int(connection.value(query, values_of(target, rows)))
    return total


def count_kept_in_heap(
    connection: Connection, target: Target, later: LaterRows, *, reached_only: bool = False
) -> int:
    """Count the rows that still have their token, without an index.

    With ``reached_only`` as ``count_reached``. Reads the table once for each 250,000 rows. Driver
    errors pass through.
    """
    count = list_sql.count_reached if reached_only else counting_sql.count_pending
    total = 0
    chunks = later.chunks()
    while some := list(islice(chunks, HEAP_CHUNKS)):
        keys = [key for keys, _ in some for key in keys]
        rows = as_listed((keys, [marker for _, markers in some for marker in markers]))
        query = statements.together(
            statements.WITHOUT_A_LIMIT, statements.USE_NO_INDEX, count(target, rows)
        )
        total += int(connection.value(query, values_of(target, rows)))
    return total


def as_listed(chunk: Chunk) -> KeyRange:
    """Return the rows of a chunk as a range."""
    keys, markers = chunk
    return KeyRange(listed=Listed(tuple(keys), tuple(sorted(set(markers)))))
