"""The whole text of the statements that fill a shadow column: locked first, and read afterwards."""

from typing import Any

from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.shadow import Assigned, Shadow
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
