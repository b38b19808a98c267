"""Advice is given when it is true and of use, a line each, with what to set."""

from dataclasses import replace

from token_rotation.inspection.advice import ServerState, after_rotation, before_rotation
from token_rotation.inspection.storage import IndexBloat, Storage, natural_index_bytes

GIB = 1024**3
MIB = 1024**2
WELL = ServerState(
    max_wal_bytes=GIB,
    full_page_writes=True,
    wal_compression=False,
    autovacuum=True,
    table_autovacuum=True,
    unused_slot=None,
    checkpoints_timed=100,
    checkpoints_requested=9,
    snapshot_holder=None,
)


def said(pending_rows: int = 1_000_000, **readings: object) -> list[str]:
    return before_rotation(replace(WELL, **readings), "tickets_ticket", pending_rows)  # type: ignore[arg-type]


def test_a_small_rotation_on_a_healthy_server_needs_no_advice() -> None:
    assert said() == []


def test_a_max_wal_size_far_below_what_will_be_written_is_named_with_a_better_one() -> None:
    wal, pages = said(10_000_000)
    assert "at least 6.2 GB of WAL and max_wal_size is 1.0 GB" in wal
    assert "set max_wal_size = '13GB'" in wal
    assert "set wal_compression = on" in pages


def test_no_larger_max_wal_size_is_asked_for_than_helps() -> None:
    assert "'32GB'" in said(1_000_000_000)[0]
    assert said(1_000_000_000, max_wal_bytes=32 * GIB, wal_compression=True) == []


def test_whole_pages_are_no_matter_when_they_are_compressed_or_not_written() -> None:
    assert len(said(10_000_000, wal_compression=True)) == 1
    assert len(said(10_000_000, full_page_writes=False)) == 1


def test_checkpoints_that_were_mostly_forced_are_a_reason_too() -> None:
    line, _ = said(1_000_000, checkpoints_requested=101)
    assert "101 of 201 checkpoints were forced" in line
    assert said(1_000_000, checkpoints_timed=0) == []


def test_an_unused_replication_slot_that_keeps_all_wal_is_named() -> None:
    (line,) = said(unused_slot="forgotten")
    assert "slot forgotten" in line
    assert "639 MB more" in line


def test_whoever_keeps_dead_rows_alive_is_named() -> None:
    (line,) = said(snapshot_holder="pid 4711 (idle in transaction, open for 7200 s)")
    assert line.startswith("pid 4711 (idle in transaction, open for 7200 s) keeps every dead row")


def test_autovacuum_off_is_named_once_with_where_it_is_off() -> None:
    assert ["set autovacuum = on" in line for line in said(autovacuum=False)] == [True]
    (line,) = said(table_autovacuum=False)
    assert "ALTER TABLE tickets_ticket RESET (autovacuum_enabled)" in line


def test_after_the_end_only_a_clean_up_that_is_worth_it_is_advised() -> None:
    command = "python manage.py rotate_tokens"
    small = IndexBloat("token", 60 * MIB, 45 * MIB)
    assert after_rotation(Storage(120 * MIB, 90 * MIB, 1000, (small,)), 1_000_000, command) == []
    large = IndexBloat("token", 90 * MIB, 45 * MIB)
    (line,) = after_rotation(Storage(240 * MIB, 90 * MIB, 900_000, (large,)), 1_000_000, command)
    assert line == (
        "900,000 dead rows take room in the table, the index token has 90 MB where 45 MB would do: "
        "run python manage.py rotate_tokens"
    )


def test_a_trifle_is_not_worth_a_clean_up() -> None:
    tiny = IndexBloat("token", 80_000, 40_000)
    assert after_rotation(Storage(300_000, 200_000, 1000, (tiny,)), 1000, "rotate") == []


def test_an_unknown_size_is_no_reason() -> None:
    assert after_rotation(Storage(), 1_000_000, "rotate") == []


def test_an_index_of_random_uuids_is_estimated_as_postgresql_makes_it() -> None:
    # 1,000,000 random UUIDs inserted one after the other: 38 to 40 MB.
    assert 36 * MIB < natural_index_bytes(1_000_000, 16) < 42 * MIB
