"""Advise what to set before a rotation, and whether to clean up after it. Pure."""

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
class ServerState:
    """Settings of the server and the table, and what keeps dead rows or WAL, now.

    ``snapshot_holder`` describes the session whose snapshot keeps dead rows alive, ``unused_slot``
    is the replication slot that keeps WAL without limit; None if there is none.
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


def before_rotation(server: ServerState, table: str, pending_rows: int) -> list[str]:
    """Return one line for each thing that will hurt the rest of the rotation."""
    return [
        *_wal(server, pending_rows * WAL_BYTES_A_ROW),
        *_dead_rows(server, table),
    ]


def after_rotation(storage: Storage, rows: int, command: str) -> list[str]:
    """Return one line if a clean-up is worth its work."""
    found = worth_cleaning(storage, rows)
    return [f"{', '.join(found)}: run {command}"] if found else []


def worth_cleaning(storage: Storage, rows: int) -> list[str]:
    """Return what a clean-up would mend, one phrase each."""
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


def _wal(server: ServerState, wal_bytes: int) -> Iterator[str]:
    enough = math.ceil(min(2 * wal_bytes, MOST_WAL_BYTES) / GIBIBYTE)
    limit = wording.size(server.max_wal_bytes)
    short = wal_bytes > FAR_BELOW * server.max_wal_bytes
    requested, timed = server.checkpoints_requested, server.checkpoints_timed
    forced = requested >= FEWEST_FORCED_CHECKPOINTS and requested > timed
    can_grow = server.max_wal_bytes < enough * GIBIBYTE
    if short and can_grow:
        yield (
            f"the rotation will write at least {wording.size(wal_bytes)} of WAL and max_wal_size "
            f"is {limit}, so it forces checkpoint after checkpoint: set max_wal_size = "
            f"'{enough}GB' and reload, if the disk has the room"
        )
    elif forced and can_grow:
        yield (
            f"{requested:,} of {requested + timed:,} checkpoints were forced before their time, "
            f"and max_wal_size is {limit}: set max_wal_size = '{enough}GB' and reload"
        )
    if (short or forced) and server.full_page_writes and not server.wal_compression:
        yield (
            "after each checkpoint PostgreSQL writes whole pages to the WAL, and wal_compression "
            "is off: set wal_compression = on and reload"
        )
    if server.unused_slot:
        yield (
            f"nobody reads the replication slot {server.unused_slot}, and the server keeps all WAL "
            f"for it, at least {wording.size(wal_bytes)} more: start its reader, drop it with "
            "pg_drop_replication_slot, or set max_slot_wal_keep_size"
        )


def _dead_rows(server: ServerState, table: str) -> Iterator[str]:
    if server.snapshot_holder:
        yield (
            f"{server.snapshot_holder} keeps every dead row alive, so the table doubles: "
            "end it before the rotation"
        )
    if not server.autovacuum:
        yield "autovacuum is off, so dead rows pile up: set autovacuum = on and reload"
    elif not server.table_autovacuum:
        yield (
            f"autovacuum is off for {table}, so dead rows pile up: ALTER TABLE {table} RESET "
            "(autovacuum_enabled)"
        )
