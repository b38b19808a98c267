"""The whole text of the statements that fill a shadow column: locked first, and read afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.driver import sql
from tests.support.leaked import value as seen
from tests.support.waiting import until
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.shadow import Assigned, Shadow
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import filling as filling_sql
from token_rotation.sql.pending import values_of

TARGET = Shadow(
    label="shop.Order.search",
    database="default",
    table='order"s',
    key_column="Key",
    marker_column="filled_at",
    assigned=(
        Assigned("search", Condition("(lower(%s || 'at 5 %%'))", ("a",))),
        Assigned("words", Condition("(%s)", (2,))),
    ),
    selection=Selection(condition=Condition("state = %s", ("paid",))),
)
BOTH = KeyRange(1, 2)
PENDING = '"filled_at" IS NULL AND (state = %(where_0)s) IS TRUE'


def test_free_rows_are_locked_and_their_keys_kept(tickets: Any) -> None:
    assert filling_sql.keep_free_keys(TARGET, BOTH).as_string(tickets) == (
        "SELECT set_config('token_rotation.keys', coalesce((SELECT array_agg(key)::text FROM ("
        f'SELECT "Key" FROM "order""s" WHERE {PENDING} AND "Key" > %(after)s AND "Key" <= '
        '%(upper)s ORDER BY "Key" LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED) AS free (key)), '
        "'{}'), true) IS NULL"
    )


def test_no_other_rows_than_the_locked_ones_are_filled(tickets: Any) -> None:
    update = filling_sql.update_kept_rows(TARGET, BOTH, "bigint", filling_sql.assigned(TARGET))
    assert update.as_string(tickets) == (
        'UPDATE "order""s" SET "search" = (lower(%(set_0_0)s || \'at 5 %%\')), '
        '"words" = (%(set_1_0)s), "filled_at" = clock_timestamp() '
        "WHERE \"Key\" = ANY(current_setting('token_rotation.keys')::bigint[]) "
        f"AND {PENDING}"
    )


def test_values_are_parameters() -> None:
    assert filling_sql.assigned_values(TARGET) == {
        "filling": 'order"s.filled_at',
        "set_0_0": "a",
        "set_1_0": 2,
    }
    assert values_of(TARGET, BOTH)["where_0"] == "paid"


TABLES = """
CREATE TABLE parent (id bigint PRIMARY KEY, search text, filled_at timestamptz);
CREATE TABLE child (parent_id bigint, body text);
INSERT INTO parent VALUES (1)
"""
CHILD = "INSERT INTO child VALUES (1, 'new'); UPDATE parent SET filled_at = NULL WHERE id = 1"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
BODY = Condition('(SELECT body FROM child WHERE parent_id = "parent".id)')
GATE = Condition("pg_advisory_lock_shared(7)::text = ''")
PARENT = Shadow(
    label="shop.Parent.search",
    database="default",
    table="parent",
    key_column="id",
    marker_column="filled_at",
    assigned=(Assigned("search", BODY),),
    selection=Selection(condition=GATE),
)
VALUES = {**values_of(PARENT, EVERY_KEY), "batch_rows": None}
IN_ONE_STATEMENT = [
    batch_sql.update_free_rows(PARENT, EVERY_KEY, filling_sql.assigned(PARENT)),
]
LOCKED_FIRST = [
    filling_sql.keep_free_keys(PARENT, EVERY_KEY),
    filling_sql.update_kept_rows(PARENT, EVERY_KEY, "bigint", filling_sql.assigned(PARENT)),
]


@pytest.mark.parametrize(
    ("fill", "value"), [(IN_ONE_STATEMENT, None), (LOCKED_FIRST, "new")], ids=["one", "locked"]
)
def test_a_source_that_commits_between_snapshot_and_lock_is_read(
    database_url: str, connect: Callable[[str], Any], fill: list[sql.Composed], value: str | None
) -> None:
    """In one statement it would be missed, and the marker would say that it was read."""
    gate, filler = connect(database_url), connect(database_url)
    with gate.cursor() as cursor, ThreadPoolExecutor(max_workers=1) as pool:
        cursor.execute(f"{TABLES}; SELECT pg_advisory_lock(7)")
        filling = pool.submit(run, filler, fill)
        until(lambda: seen(gate, WAITING) == 1)
        cursor.execute(CHILD)
        cursor.execute("SELECT pg_advisory_unlock(7)")
        filling.result(timeout=60)
    assert seen(gate, "SELECT count(*) FROM parent WHERE filled_at IS NOT NULL") == 1
    assert seen(gate, "SELECT search FROM parent") == value


def run(session: Any, fill: list[sql.Composed]) -> None:
    with session.cursor() as cursor:
        cursor.execute("BEGIN")
        for statement in fill:
            cursor.execute(statement, VALUES)
        cursor.execute("COMMIT")
