"""A table's columns may bear the names that a statement uses itself."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.marked_rows import ask, keys_of
from token_rotation.selection.key_range import EVERY_KEY, KeyRange, Listed
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Absent, Target
from token_rotation.sql import batch, counting, tokens
from token_rotation.sql.keys import ranges as key_ranges
from token_rotation.sql.lists import listed_rows
from token_rotation.sql.pending import array, values_of

DEVICES = (
    "CREATE TABLE device"
    " (key bigint PRIMARY KEY, token text UNIQUE, place timestamptz, value text);"
    "INSERT INTO device SELECT n, 'old' || n, NULL, 'odd' FROM generate_series(1, 9) AS n;"
    "UPDATE device SET value = 'even' WHERE key % 2 = 0;"
    "UPDATE device SET token = '' WHERE key = 3; UPDATE device SET token = NULL WHERE key = 4;"
    "UPDATE device SET place = now() WHERE key = 5"
)
PENDING = [1, 2, 6, 7, 8, 9]
EVEN = Selection(condition=Condition('"device"."value" = %s', ("even",)))


@pytest.fixture
def devices(tickets: Any, target: Target) -> Target:
    ask(tickets, DEVICES)
    return replace(
        target,
        table="device",
        key_column="key",
        token_column="token",
        marker_column="place",
        absent=Absent(nullable=True, text=True),
    )


RANGES = {
    "all": (Selection(), EVERY_KEY, PENDING),
    "a range": (Selection(), KeyRange(1, 7), [2, 6, 7]),
    "a condition": (EVEN, EVERY_KEY, [2, 6, 8]),
    "listed": (Selection(), KeyRange(listed=Listed(("1", "3", "4", "5", "9"), ())), [1, 9]),
}


@pytest.mark.parametrize("aimed", RANGES.values(), ids=RANGES)
def test_rows_without_a_token_get_none_of_those_that_were_made(
    tickets: Any, devices: Target, aimed: tuple[Selection, KeyRange, list[int]]
) -> None:
    selection, keys, pending = aimed
    target = replace(devices, selection=selection)
    values = {**values_of(target, keys), "batch_rows": 100}
    made = [f"new{n}" for n in range(len(pending))]
    assert ask(tickets, counting.count_pending(target, keys), **values) == [(len(pending),)]
    ask(tickets, "BEGIN")
    ask(tickets, tokens.KEEP_TOKENS, tokens=array(made))
    update = batch.update_free_rows_with_tokens(target, keys, "text")
    assert ask(tickets, update, **values) == [len(pending)]
    ask(tickets, "COMMIT")
    changed = "SELECT key, token FROM device WHERE token LIKE 'new%%' ORDER BY key"
    assert ask(tickets, changed) == list(zip(pending, made, strict=True))


@pytest.mark.parametrize("aimed", RANGES.values(), ids=RANGES)
def test_batches_and_walks_find_their_keys(
    tickets: Any, devices: Target, aimed: tuple[Selection, KeyRange, list[int]]
) -> None:
    selection, keys, pending = aimed
    target = replace(devices, selection=selection)
    values = {**values_of(target, keys), "batch_rows": 2, "ahead_rows": 100, "walk_rows": 100}
    upper = key_ranges.batch_upper_key(target, keys)
    assert keys_of(ask(tickets, upper, **values)) == pending[1:2]
    uppers = keys_of(ask(tickets, key_ranges.batch_upper_keys(target, keys), **values))
    assert uppers == sorted({*pending[1::2], pending[-1]})
    if keys.listed is None:
        walked = ask(tickets, key_ranges.walk(target, keys), **values)
        assert [key for key, ends_batch, _ in walked if ends_batch] == uppers
    lock = batch.lock_first_pending(target, keys)
    assert keys_of(ask(tickets, lock, **values)) == pending[:1]


@pytest.mark.parametrize("is_indexed", [True, False])
def test_lists_find_their_rows(tickets: Any, devices: Target, *, is_indexed: bool) -> None:
    ask(tickets, "BEGIN")
    ask(tickets, listed_rows.create("text"))
    ask(tickets, "INSERT INTO rotation_listed VALUES ('old1'), ('old5'), ('old8'), ('')")
    find = listed_rows.listed_rows(devices, "token", "text", is_indexed=is_indexed)
    found = keys_of(ask(tickets, find, **values_of(devices, EVERY_KEY)))
    assert found == ["1", "5", "8"]
    ask(tickets, "ROLLBACK")


@pytest.mark.parametrize("name", ["place", "places", "pending", "ends_batch", "batch", "ahead"])
def test_a_key_may_bear_the_name_of_a_column_of_a_statement(
    tickets: Any, devices: Target, name: str
) -> None:
    ask(tickets, "ALTER TABLE device RENAME COLUMN place TO marker")
    ask(tickets, f'ALTER TABLE device RENAME COLUMN key TO "{name}"')
    target = replace(devices, key_column=name, marker_column="marker")
    sizes = {"batch_rows": 2, "range_rows": 2, "ahead_rows": 100, "walk_rows": 100}
    values = {**values_of(target, EVERY_KEY), **sizes}
    uppers = keys_of(ask(tickets, key_ranges.batch_upper_keys(target, EVERY_KEY), **values))
    assert uppers == [2, 7, 9]
    assert keys_of(ask(tickets, key_ranges.batch_upper_key(target, EVERY_KEY), **values)) == [2]
    assert keys_of(ask(tickets, key_ranges.range_upper_keys(target), **values)) == ["2", "7", "9"]
    walked = ask(tickets, key_ranges.walk(target, EVERY_KEY), **values)
    assert [key for key, ends_batch, _ in walked if ends_batch] == uppers
    assert keys_of(ask(tickets, batch.first_pending_keys(target, EVERY_KEY), **values))[:1] == ["1"]
