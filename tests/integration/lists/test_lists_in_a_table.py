"""What the rows and tokens that a list names are, whatever the text of the statements is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support import driver
from tests.support.marked_rows import CUT_OFF, EVERY, ask, keys_of, store
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.sql.lists import listed_rows as lists
from token_rotation.sql.lists import valid_tokens
from token_rotation.sql.pending import values_of

OPEN = Condition('"tickets_ticket"."status" = %s', ("open",))
PENDING = [1, 3, 6, 9, 12]
EARLIER = [4, 11]


@pytest.fixture
def rows(tickets: Any) -> Any:
    """Rows that are pending, and rows marked around the cut-off.

    A table of the list's name comes before the temporary one where none is named.
    """
    store(tickets)
    ask(tickets, "CREATE TABLE rotation_listed (value text); SET search_path = public, pg_temp")
    return tickets


@contextmanager
def listed(connection: Any, values: list[str]) -> Iterator[None]:
    """Within, the list is there; afterwards nothing is left of it."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(lists.ROOM_TO_JOIN)
        cursor.execute(lists.create("text"))
        driver.copy_from(cursor, lists.COPY, CopyStream(each.encode() for each in values))
        cursor.execute(lists.ANALYZE)
        cursor.execute(
            "SELECT reltuples FROM pg_class WHERE oid = 'pg_temp.rotation_listed'::regclass"
        )
        assert cursor.fetchone() == (len(values),), "the planner knows how long the list is"
        yield
        cursor.execute("COMMIT; SELECT to_regclass('pg_temp.rotation_listed')")
        assert cursor.fetchone() == (None,)
        cursor.execute("SELECT count(*) FROM public.rotation_listed")
        assert cursor.fetchone() == (0,)


def token(connection: Any, key: int) -> str:
    ((found,),) = ask(connection, "SELECT token::text FROM before WHERE id = %(key)s", key=key)
    return str(found)


SELECTIONS = {
    # selection, listed keys that are meant, listed tokens that are meant, pending without a list
    "all": (Selection(), PENDING, EVERY, PENDING),
    "cut-off": (
        Selection(issued_before=CUT_OFF),
        sorted([*PENDING, *EARLIER]),
        sorted([*PENDING, *EARLIER]),
        sorted([*PENDING, *EARLIER]),
    ),
    "condition": (Selection(condition=OPEN), [6, 12], [2, 4, 6, 8, 12], [6, 12]),
    "cut-off and condition": (
        Selection(issued_before=CUT_OFF, condition=OPEN),
        [4, 6, 12],
        [4, 6, 12],
        [4, 6, 12],
    ),
}


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize("column", ["id", "token"])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_rows_that_a_list_means_are_found_once_each_in_key_order(
    rows: Any, target: Target, selection: str, column: str, *, is_indexed: bool
) -> None:
    chosen, keys, tokens, pending = SELECTIONS[selection]
    meant = keys if column == "id" else tokens
    aimed = replace(target, selection=chosen)
    find = lists.listed_rows(aimed, column, _type(column), is_indexed=is_indexed)
    count = lists.count_listed_rows(aimed, column, _type(column), is_indexed=is_indexed)
    named = [key for key in EVERY if key != 3]
    values = _named(rows, column, [*reversed(named), 6, 777])
    with listed(rows, values):
        found = ask(rows, find, **values_of(aimed, EVERY_KEY))
        ((stored, to_rotate, added),) = ask(rows, count, **values_of(aimed, EVERY_KEY))
    meant = [key for key in meant if key != 3]
    assert [int(key) for key, _ in found] == meant
    markers = ask(rows, "SELECT id, token_rotated_at::text FROM tickets_ticket")
    assert all(marker == dict(markers)[int(key)] for key, marker in found)
    assert all(isinstance(key, str) for key, _ in found)
    assert (stored, to_rotate) == (len(named), len(meant))
    assert added == len(set(meant) - set(pending))


def _type(column: str) -> str:
    return "bigint" if column == "id" else "uuid"


def _named(rows: Any, column: str, keys: list[int]) -> list[str]:
    if column == "id":
        return [str(key) for key in keys]
    return [token(rows, key) if key in EVERY else str(uuid4()) for key in keys]


@pytest.mark.parametrize("spell", [str, str.upper])
def test_listed_tokens_that_are_stored_are_counted_each_line_once(
    rows: Any, target: Target, spell: Callable[[str], str]
) -> None:
    values = [spell(token(rows, key)) for key in (1, 2, 2)] + [str(UUID(int=7))]
    with listed(rows, values):
        assert ask(rows, valid_tokens.count_valid("tickets_ticket", "token", "uuid")) == [(3,)]


def test_hashes_of_stored_tokens_are_counted_each_line_once(rows: Any, target: Target) -> None:
    texts = [token(rows, key) for key in (1, 2, 2)] + [str(UUID(int=7))]
    with rows.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(lists.create("bytea"))
        hashes = (sha256(text.encode()).digest() for text in texts)
        driver.copy_from(cursor, lists.COPY, CopyStream(hashes))
        assert ask(rows, valid_tokens.count_valid_hashes("tickets_ticket", "token")) == [(3,)]
        cursor.execute("ROLLBACK")


def test_each_line_is_looked_up_in_the_index_even_where_statistics_call_for_a_scan(
    rows: Any, target: Target
) -> None:
    find = lists.listed_rows(target, "id", "bigint", is_indexed=True)
    with listed(rows, ["1"]), rows.cursor() as cursor:
        cursor.execute(f"EXPLAIN {find.as_string(rows)}", values_of(target, EVERY_KEY))
        plan = keys_of(cursor.fetchall())
    assert not [line for line in plan if "Hash Join" in line or "Merge Join" in line]
