"""Verdicts on tables that need no server."""

from collections import Counter
from datetime import UTC, datetime

from token_rotation.inspection.verdict.heap_sums import HeapSums
from token_rotation.inspection.verdict.verdict import (
    DamagedIndex,
    ReadRelation,
    ReadServer,
    Verdict,
)


def verdict_of(
    *,
    rows: int = 1000,
    pending: int = 0,
    everywhere: int | None = None,
    is_standby: bool = False,
    damaged: tuple[DamagedIndex, ...] = (),
) -> Verdict:
    """A read of one table by the role app."""
    relation = ReadRelation("public.orders", "public", "orders", 7, rows, pending)
    sums = HeapSums(
        rows=Counter({7: rows}),
        pending=Counter({7: pending}),
        everywhere=pending if everywhere is None else everywhere,
    )
    server = ReadServer(
        system_identifier="123",
        timeline=1,
        wal_position="0/1",
        snapshot="1:1:",
        read_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_standby=is_standby,
        is_read_only=is_standby,
        database="app",
        role="app",
        version="18.0",
    )
    return Verdict((relation,), sums, server, 0.2, damaged)
