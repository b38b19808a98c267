"""What about the server will hurt a rotation, and what to set: readings in, lines out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from token_rotation import wording
from token_rotation.inspection.storage import Storage, worth_vacuum

WAL_BYTES_A_ROW = 670
GIBIBYTE = 1024**3
FAR_BELOW = 3
MOST_WAL_BYTES = 32 * GIBIBYTE
FEWEST_FORCED_CHECKPOINTS = 10


@dataclass(frozen=True, slots=True)
class Readings:
    """The server and the table now. ``snapshot_holder`` keeps dead rows alive for long;
    ``unused_slot`` keeps WAL without limit. Both in words, None when there is none.
    """

    max_wal_bytes: int
    full_page_writes: bool
    wal_compression: bool
    autovacuum: bool
    table_autovacuum: bool
    unused_slot: str | None
    checkpoints_timed: int
    checkpoints_requested: int
    snapshot_holder: str | None


def before_rotation(readings: Readings, table: str, pending_rows: int) -> list[str]:
    """A line for each thing that will hurt the rest of the rotation."""
    return [
        *_wal(readings, pending_rows * WAL_BYTES_A_ROW),
        *_dead_rows(readings, table),
    ]


def after_rotation(storage: Storage, rows: int, command: str) -> list[str]:
    """A line when the clean-up is worth its work."""
    found = worth_cleaning(storage, rows)
    return [f"{', '.join(found)}: run {command}"] if found else []


def worth_cleaning(storage: Storage, rows: int) -> list[str]:
    """What a clean-up would mend, in words."""
    found = []
    dead = storage.dead_rows
    if dead and worth_vacuum(dead, rows, storage.table_bytes or 0):
        found.append(f"{dead:,} dead rows take room in the table")
    found += [
        f"the index {index.name} has {wording.size(index.bytes_now)} where "
        f"{wording.size(index.natural_bytes)} would do"
        for index in storage.token_indexes
        if index.worth_reindex
    ]
    if storage.leftover_indexes:
        found.append(f"{', '.join(storage.leftover_indexes)} was left invalid and slows writes")
    return found


def _wal(readings: Readings, wal_bytes: int) -> Iterator[str]:
    enough = math.ceil(min(2 * wal_bytes, MOST_WAL_BYTES) / GIBIBYTE)
    limit = wording.size(readings.max_wal_bytes)
    short = wal_bytes > FAR_BELOW * readings.max_wal_bytes
    requested, timed = readings.checkpoints_requested, readings.checkpoints_timed
    forced = requested >= FEWEST_FORCED_CHECKPOINTS and requested > timed
    can_grow = readings.max_wal_bytes < enough * GIBIBYTE
    if short and can_grow:
        yield (
            f"the rotation will write at least {wording.size(wal_bytes)} of WAL and max_wal_size "
            f"is {limit}, so that it forces checkpoint after checkpoint: set max_wal_size = "
            f"'{enough}GB' and reload, if the disk has the room"
        )
    elif forced and can_grow:
        yield (
            f"{requested:,} of {requested + timed:,} checkpoints were forced before their time, "
            f"and max_wal_size is {limit}: set max_wal_size = '{enough}GB' and reload"
        )
    if (short or forced) and readings.full_page_writes and not readings.wal_compression:
        yield (
            "after each checkpoint whole pages go to the WAL, and wal_compression is off: set "
            "wal_compression = on and reload"
        )
    if readings.unused_slot:
        yield (
            f"nobody reads the replication slot {readings.unused_slot}, and all WAL is kept for "
            f"it, at least {wording.size(wal_bytes)} more: start its reader, drop it with "
            "pg_drop_replication_slot, or set max_slot_wal_keep_size"
        )


def _dead_rows(readings: Readings, table: str) -> Iterator[str]:
    if readings.snapshot_holder:
        yield (
            f"{readings.snapshot_holder} keeps every dead row alive, so that the table doubles: "
            "end it before the rotation"
        )
    if not readings.autovacuum:
        yield "autovacuum is off, so that dead rows pile up: set autovacuum = on and reload"
    elif not readings.table_autovacuum:
        yield (
            f"autovacuum is off for {table}, so that dead rows pile up: ALTER TABLE {table} RESET "
            "(autovacuum_enabled)"
        )
