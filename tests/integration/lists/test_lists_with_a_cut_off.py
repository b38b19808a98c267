"""What a list means beside a cut-off, at the very moments that matter."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.marked_rows import AT, CUT_OFF, EVERY, LATE, LATER, PENDING, ask, keys_of, store
from token_rotation.selection.key_range import EVERY_KEY, KeyRange, Listed
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.sql.lists import listed_rows as lists
from token_rotation.sql.pending import values_of

MICROSECOND = timedelta(microseconds=1)
OPEN = Condition('"tickets_ticket"."status" = %s', ("open",))
EARLY_OR_NEVER = sorted([*PENDING, 4, 11])


@pytest.fixture
def rows(tickets: Any) -> Any:
    store(tickets)
    return tickets


@contextmanager
def listed(connection: Any) -> Iterator[None]:
    """Within, every stored token is listed."""
    ask(connection, "BEGIN")
    ask(connection, lists.create("text"))
    ask(connection, "INSERT INTO pg_temp.rotation_listed SELECT token::text FROM before")
    yield
    ask(connection, "ROLLBACK")


def meant(rows: Any, target: Target, *, is_indexed: bool) -> list[int]:
    values = values_of(target, EVERY_KEY)
    find = lists.listed_rows(target, "token", "uuid", is_indexed=is_indexed)
    count = lists.count_listed_rows(target, "token", "uuid", is_indexed=is_indexed)
    with listed(rows):
        found = [int(key) for key in keys_of(ask(rows, find, **values))]
        ((stored, to_rotate, added),) = ask(rows, count, **values)
    assert (stored, to_rotate) == (len(EVERY), len(found))
    assert added == len(set(found) - set(EARLY_OR_NEVER))
    return found


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize(
    ("asked_at", "also"),
    [
        (None, []),
        (LATER + MICROSECOND, []),
        (LATER, LATE),  # a list is older than its rotation, so such a marker is wrong
        (LATER - MICROSECOND, LATE),
        (CUT_OFF + MICROSECOND, LATE),
        (CUT_OFF, [*AT, *LATE]),
    ],
)
def test_a_listed_token_issued_before_the_cut_off_or_after_the_question_is_meant(
    rows: Any, target: Target, asked_at: datetime | None, also: list[int], *, is_indexed: bool
) -> None:
    aimed = replace(target, selection=Selection(issued_before=CUT_OFF, asked_at=asked_at))
    assert meant(rows, aimed, is_indexed=is_indexed) == sorted([*EARLY_OR_NEVER, *also])


def test_a_marker_ahead_of_the_clock_makes_a_listed_token_meant(rows: Any, target: Target) -> None:
    ask(rows, "ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    ask(rows, "UPDATE tickets_ticket SET token_rotated_at = 'infinity' WHERE id IN (2, 5)")
    aimed = replace(target, selection=Selection(issued_before=CUT_OFF))
    find = lists.listed_rows(aimed, "token", "uuid", is_indexed=True)
    with listed(rows):
        found = keys_of(ask(rows, find, **values_of(aimed, EVERY_KEY)))
    assert [int(key) for key in found] == sorted([*EARLY_OR_NEVER, 2, 5])


@pytest.mark.parametrize(
    ("read_at", "expected"),
    [
        (CUT_OFF, [2, 5, 8]),
        (CUT_OFF + MICROSECOND, [2, 8]),
        (LATER, [2, 8]),
        (LATER + MICROSECOND, []),
    ],
)
def test_later_rows_are_those_from_the_moment_on(
    rows: Any, target: Target, read_at: datetime, expected: list[int]
) -> None:
    ask(rows, "SET TimeZone = 'Asia/Tokyo'")
    for selection, keys in (
        (Selection(), expected),
        (Selection(condition=OPEN), [key for key in expected if key % 2 == 0]),
    ):
        aimed = replace(target, selection=selection)
        ask(rows, "BEGIN")
        values = {**values_of(aimed, EVERY_KEY), "read_at": read_at}
        ask(rows, lists.later_rows(aimed), **values)
        found = sorted(ask(rows, lists.FETCH_LATER), key=lambda row: int(row[0]))
        ask(rows, "ROLLBACK")
        assert [int(key) for key, _, _ in found] == keys
        for _, text, in_utc in found:
            assert datetime.fromisoformat(f"{text}:00").utctimetuple() == in_utc.utctimetuple()


@pytest.mark.parametrize("marker", ["'infinity'", "'9999-12-31'", "'20000-01-01'"])
def test_a_marker_that_python_cannot_hold_is_given_as_text_alone(
    rows: Any, target: Target, marker: str
) -> None:
    ask(rows, "ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    ask(rows, f"UPDATE tickets_ticket SET token_rotated_at = {marker} WHERE id = 2")
    ask(rows, "BEGIN")
    ask(rows, lists.later_rows(target), read_at=LATER + MICROSECOND)
    ((key, text, in_utc),) = ask(rows, lists.FETCH_LATER)
    ask(rows, "ROLLBACK")
    assert (key, in_utc) == ("2", None)
    assert text.startswith(marker.strip("'"))


def _text(rows: Any, key: int) -> str | None:
    query = "SELECT token_rotated_at::text FROM tickets_ticket WHERE id = %(key)s"
    ((text,),) = ask(rows, query, key=key)
    return text  # type: ignore[no-any-return]


def test_rows_of_a_list_are_those_that_are_as_they_were(rows: Any, target: Target) -> None:
    aimed = replace(target, selection=Selection(issued_before=CUT_OFF))
    markers = {key: _text(rows, key) for key in EVERY}
    kept = tuple(str(markers[key]) for key in (2, 4, 5))
    chosen = KeyRange(listed=Listed(("11", "8", "5", "4", "2", "1", "777"), kept))
    ask(rows, "ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    ask(rows, "UPDATE tickets_ticket SET token_rotated_at = '2024-02-02' WHERE id = 8")
    ask(rows, "UPDATE tickets_ticket SET token_rotated_at = '2023-02-02' WHERE id = 11")
    values = values_of(aimed, chosen)
    found = ask(rows, lists.still_later(aimed, chosen), **values)
    assert found == [(str(key), markers[key]) for key in (1, 2, 4, 5)]
    # 1 and 4 are pending by the cut-off; only the list tells the others from fresh ones.
    assert ask(rows, lists.count_reached(aimed, chosen), **values) == [(2,)]
