"""What each statement of a batch finds, changes and locks in a table, whatever its text is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import RFC_4122

import pytest
from django.db.models import Q

from tests.support import driver
from tests.support.leaked import leak, value
from tests.support.marked_rows import CUT_OFF, EVERY, LATER, PENDING, ask, keys_of, store
from tickets.models import Ticket
from token_rotation.selection.key_range import EVERY_KEY, Key, KeyRange, Listed
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.sql import batch, counting, tokens
from token_rotation.sql.keys import ranges as key_ranges
from token_rotation.sql.pending import array, new_marker, values_of

UNROTATED = Q(token_rotated_at__isnull=True)
FRESH = tokens.made_by("gen_random_uuid()")


@pytest.fixture
def rows(tickets: Any) -> Any:
    """Rows that are pending, and rows marked around the cut-off.

    No index puts them into an order that a statement did not ask for.
    """
    store(tickets)
    for way in ("indexscan", "indexonlyscan", "bitmapscan"):
        ask(tickets, f"SET enable_{way} = off")
    return tickets


def changed(connection: Any) -> list[int]:
    return keys_of(
        ask(
            connection,
            "SELECT id FROM tickets_ticket AS t JOIN before AS b USING (id)"
            " WHERE t.token <> b.token ORDER BY id",
        )
    )


def selecting(target: Target, **selection: Any) -> Target:
    return replace(target, selection=Selection(**selection))


def selections(target: Target) -> dict[str, tuple[Target, KeyRange, list[int]]]:
    """Target, range, and the keys that are pending in it."""
    some = KeyRange(3, 9)
    listed = Listed(("2", "3", "4", "5", "777"), (marker_text(LATER),))
    old = selecting(target, issued_before=CUT_OFF)
    opened = selecting(target, condition=Condition('"tickets_ticket"."status" = %s', ("open",)))
    unknown = Condition("nullif(\"tickets_ticket\".\"status\", 'open') = 'closed'")
    both = selecting(target, issued_before=CUT_OFF, condition=unknown)
    return {
        "all": (target, EVERY_KEY, [1, 3, 6, 9, 12]),
        "some": (target, some, [6, 9]),
        "above": (target, KeyRange(after=6), [9, 12]),
        "up to": (target, KeyRange(upper=6), [1, 3, 6]),
        "one": (target, KeyRange(exactly=6), [6]),
        "one that is not pending": (target, KeyRange(exactly=5), []),
        "listed": (target, KeyRange(listed=listed), [2, 3]),
        "listed, some": (target, KeyRange(2, 9, listed=listed), [3]),
        "cut-off": (old, EVERY_KEY, [1, 3, 4, 6, 9, 11, 12]),
        "cut-off, some": (old, some, [4, 6, 9]),
        "condition": (opened, EVERY_KEY, [6, 12]),
        "condition that is unknown": (both, EVERY_KEY, [1, 3, 9, 11]),
    }


def marker_text(time: datetime) -> str:
    return time.isoformat()


NAMES = [
    "all",
    "some",
    "above",
    "up to",
    "one",
    "one that is not pending",
    "listed",
    "listed, some",
    "cut-off",
    "cut-off, some",
    "condition",
    "condition that is unknown",
]


@pytest.fixture(params=NAMES)
def aimed(request: pytest.FixtureRequest, target: Target) -> tuple[Target, KeyRange, list[int]]:
    return selections(target)[request.param]


def test_every_name_is_tried(target: Target) -> None:
    assert list(selections(target)) == NAMES


def test_an_update_of_a_range_changes_what_is_pending_in_it_and_nothing_else(
    rows: Any, aimed: tuple[Target, KeyRange, list[int]]
) -> None:
    target, keys, pending = aimed
    values = values_of(target, keys)
    assert ask(rows, counting.count_pending(target, keys), **values) == [(len(pending),)]
    assert ask(rows, batch.any_pending(target, keys), **values) == [(bool(pending),)]
    assert ask(
        rows, batch.update_range(target, keys, tokens.sets_token(target, FRESH)), **values
    ) == [len(pending)]
    assert changed(rows) == pending
    assert ask(rows, counting.count_pending(target, keys), **values) == [(0,)]
    assert ask(
        rows, batch.update_range(target, keys, tokens.sets_token(target, FRESH)), **values
    ) == [0]
    assert value(rows, "SELECT count(DISTINCT token) FROM tickets_ticket") == len(EVERY)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
def test_the_first_free_rows_are_those_with_the_lowest_keys(
    rows: Any, aimed: tuple[Target, KeyRange, list[int]], batch_rows: int
) -> None:
    target, keys, pending = aimed
    values = {**values_of(target, keys), "batch_rows": batch_rows}
    taken = pending[:batch_rows]
    upper = ask(rows, key_ranges.batch_upper_key(target, keys), **values)
    assert keys_of(upper) == taken[-1:]
    assert ask(
        rows, batch.update_free_rows(target, keys, tokens.sets_token(target, FRESH)), **values
    ) == [len(taken)]
    assert changed(rows) == taken


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_the_first_free_rows_get_a_made_token_each(
    rows: Any, aimed: tuple[Target, KeyRange, list[int]], batch_rows: int
) -> None:
    target, keys, pending = aimed
    taken = pending[:batch_rows]
    made = [f"00000000-0000-4000-8000-{n:012}" for n in range(batch_rows)]
    values = {**values_of(target, keys), "batch_rows": batch_rows}
    with rows.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(tokens.KEEP_TOKENS, {"tokens": array(made)})
        update = batch.update_free_rows_with_tokens(target, keys, "uuid")
        assert ask(rows, update, **values) == [len(taken)]
        cursor.execute("COMMIT")
        cursor.execute("SELECT current_setting('token_rotation.tokens', true)")
        assert cursor.fetchone()[0] in (None, ""), "the tokens outlive the transaction"
    assert changed(rows) == taken
    given = "SELECT token::text FROM tickets_ticket WHERE token::text LIKE '00000000-%' ORDER BY 1"
    assert keys_of(ask(rows, given)) == made[: len(taken)]


def test_locked_rows_are_passed_over_and_left_as_they_are(
    rows: Any, other: Any, target: Target
) -> None:
    ask(other, "SELECT FROM tickets_ticket WHERE id IN (1, 3, 9) FOR KEY SHARE")
    values = {**values_of(target, EVERY_KEY), "batch_rows": 2}
    ask(rows, "SET lock_timeout = '5s'")
    assert ask(
        rows, batch.update_free_rows(target, EVERY_KEY, tokens.sets_token(target, FRESH)), **values
    ) == [2]
    assert changed(rows) == [6, 12]
    other.rollback()


def test_locked_rows_are_passed_over_by_made_tokens_too(
    rows: Any, other: Any, target: Target
) -> None:
    ask(other, "SELECT FROM tickets_ticket WHERE id IN (1, 3, 9) FOR KEY SHARE")
    values = {**values_of(target, EVERY_KEY), "batch_rows": 2}
    made = [f"00000000-0000-4000-8000-{n:012}" for n in range(2)]
    with rows.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'; BEGIN")
        cursor.execute(tokens.KEEP_TOKENS, {"tokens": array(made)})
        update = batch.update_free_rows_with_tokens(target, EVERY_KEY, "uuid")
        assert ask(rows, update, **values) == [2]
        cursor.execute("COMMIT")
    assert changed(rows) == [6, 12]
    other.rollback()


def test_the_first_pending_row_is_locked_and_no_other(
    rows: Any, other: Any, aimed: tuple[Target, KeyRange, list[int]]
) -> None:
    target, keys, pending = aimed
    locked = ask(other, batch.lock_first_pending(target, keys), **values_of(target, keys))
    assert keys_of(locked) == pending[:1]
    free = "SELECT id FROM tickets_ticket ORDER BY id FOR KEY SHARE SKIP LOCKED"
    assert keys_of(ask(rows, free)) == [key for key in EVERY if key not in pending[:1]]
    other.rollback()


def test_a_wait_for_the_first_row_ends_with_the_lock_timeout(
    rows: Any, other: Any, target: Target
) -> None:
    ask(other, "SELECT FROM tickets_ticket WHERE id = 1 FOR KEY SHARE")
    ask(rows, "SET lock_timeout = '50ms'")
    lock = batch.lock_first_pending(target, EVERY_KEY)
    with pytest.raises(driver.errors.LockNotAvailable):
        ask(rows, lock, **values_of(target, EVERY_KEY))
    other.rollback()


@pytest.mark.parametrize(
    ("batch_rows", "ahead_rows", "uppers"),
    [
        (1, 3, [1, 3, 6]),
        (2, 4, [3, 9]),
        (2, 5, [3, 9, 12]),
        (2, 100, [3, 9, 12]),
        (3, 3, [6]),
        (100, 200, [12]),
    ],
)
def test_the_next_batches_end_at_every_nth_pending_key_and_at_the_last(
    rows: Any, target: Target, batch_rows: int, ahead_rows: int, uppers: list[Key]
) -> None:
    values = {"batch_rows": batch_rows, "ahead_rows": ahead_rows}
    found = ask(
        rows,
        key_ranges.batch_upper_keys(target, EVERY_KEY),
        **values_of(target, EVERY_KEY),
        **values,
    )
    assert keys_of(found) == uppers


def test_the_next_batches_lie_within_the_range(rows: Any, target: Target) -> None:
    keys = KeyRange(3, 9)
    values = {**values_of(target, keys), "batch_rows": 1, "ahead_rows": 9}
    assert keys_of(ask(rows, key_ranges.batch_upper_keys(target, keys), **values)) == [6, 9]
    nothing = KeyRange(12, None)
    values = {**values_of(target, nothing), "batch_rows": 1, "ahead_rows": 9}
    assert ask(rows, key_ranges.batch_upper_keys(target, nothing), **values) == []


@pytest.mark.parametrize(
    ("range_rows", "ahead_rows", "uppers"),
    [(1, 9, ["1", "3", "6", "9", "12"]), (2, 9, ["3", "9"]), (2, 3, ["3"]), (9, 9, [])],
)
def test_ranges_end_at_every_nth_pending_key_in_the_order_of_keys(
    rows: Any, target: Target, range_rows: int, ahead_rows: int, uppers: list[str]
) -> None:
    values = {"range_rows": range_rows, "ahead_rows": ahead_rows}
    found = ask(rows, key_ranges.range_upper_keys(target), **values_of(target, EVERY_KEY), **values)
    assert keys_of(found) == uppers


def test_a_walk_shows_where_batches_end_and_how_far_it_looked(rows: Any, target: Target) -> None:
    old = selecting(target, issued_before=CUT_OFF)

    def walked(target: Target, keys: KeyRange, batch_rows: int, walk_rows: int) -> list[Any]:
        values = {"batch_rows": batch_rows, "walk_rows": walk_rows}
        return ask(rows, key_ranges.walk(target, keys), **values_of(target, keys), **values)

    # Keys 1 to 6, of which 1, 3, 4 and 6 are pending.
    assert walked(old, EVERY_KEY, 3, 6) == [(4, True, 6), (6, True, 6), (6, False, 6)]
    assert walked(old, EVERY_KEY, 2, 6) == [(3, True, 6), (6, True, 6), (6, False, 6)]
    assert walked(old, KeyRange(6), 9, 9) == [(12, True, 4), (12, False, 4)]
    assert walked(old, KeyRange(4, 5), 9, 9) == [(5, False, 1)]
    assert walked(old, KeyRange(12), 9, 9) == []
    opened = selecting(target, condition=Condition('"tickets_ticket"."status" = %s', ("open",)))
    # Where every pending row has no marker, the others are not looked at.
    assert walked(opened, EVERY_KEY, 9, 4) == [(6, True, 4), (9, False, 4)]


def test_the_planner_is_asked_about_the_pending_rows_alone(rows: Any, target: Target) -> None:
    ask(
        rows,
        "INSERT INTO tickets_ticket (subject, status, created_at, id, token)"
        " SELECT 'x', 'open', now(), n, gen_random_uuid() FROM generate_series(100, 5000) AS n",
    )
    ask(rows, "ANALYZE tickets_ticket")
    for aimed, low, high in (
        (target, 1, 50),
        (selecting(target, issued_before=LATER + timedelta(days=99)), 5, 50),
        (selecting(target, condition=Condition('"tickets_ticket"."id" < 100')), 1, 50),
        (selecting(target, issued_before=datetime(2100, 1, 1, tzinfo=UTC)), 4000, 5500),
    ):
        values = values_of(aimed, EVERY_KEY)
        ((plan,),) = ask(rows, counting.explain_pending(aimed), **values)
        assert low <= plan[0]["Plan"]["Plan Rows"] <= high


def test_estimates_are_those_of_the_table_and_of_its_pending_index(
    rows: Any, target: Target
) -> None:
    (index,) = (each.name for each in Ticket._meta.indexes if each.condition == UNROTATED)
    names = {"table": target.table, "index": index}

    def estimated(**others: str) -> list[Any]:
        return ask(rows, counting.estimate_rows(), **{**names, **others})

    ask(rows, "VACUUM ANALYZE tickets_ticket")
    assert estimated() == [(10, 5)]
    assert estimated(index="no_such_index") == [(10, None)]
    assert estimated(table="no_such_table") == []
    # Another index, made when fewer rows were pending; then it is invalid.
    ask(
        rows,
        batch.update_range(target, KeyRange(1), tokens.sets_token(target, FRESH)),
        **values_of(target, KeyRange(1)),
    )
    ask(rows, "CREATE INDEX later ON tickets_ticket (token) WHERE token_rotated_at IS NULL")
    assert estimated(index="later") == [(10, 1)]
    ask(rows, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'later'::regclass")
    assert estimated(index="later") == [(10, None)]
    ask(rows, "TRUNCATE tickets_ticket CASCADE")
    ask(rows, "VACUUM ANALYZE tickets_ticket")
    assert estimated() == [(0, 0)]


def test_a_new_marker_is_later_than_the_old_one_and_than_the_cut_off(
    rows: Any, target: Target
) -> None:
    future = datetime(2100, 1, 1, tzinfo=UTC)

    def markers(aimed: Target, keys: KeyRange, old: datetime | None, **values: Any) -> Any:
        with rows.cursor() as cursor:
            cursor.execute("BEGIN; ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
            cursor.execute("UPDATE tickets_ticket SET token_rotated_at = %s WHERE id = 1", (old,))
            cursor.execute("SELECT now(), pg_sleep(0.001)")
            began_at = cursor.fetchone()[0]
            query = new_marker(aimed, keys).as_string(rows)
            cursor.execute(f"SELECT {query} FROM tickets_ticket WHERE id = 1", values)
            (marker,) = cursor.fetchone()
            cursor.execute("ROLLBACK")
        return marker, began_at

    listed = KeyRange(listed=Listed(("1",), ()))
    for aimed, keys, values in (
        (target, EVERY_KEY, {}),
        (target, listed, {}),
        (selecting(target, issued_before=CUT_OFF), EVERY_KEY, {"issued_before": CUT_OFF}),
    ):
        marker, began_at = markers(aimed, keys, None, **values)
        assert marker > began_at
    marker, _ = markers(target, listed, future)
    assert marker == future + timedelta(microseconds=1)
    ahead = selecting(target, issued_before=future)
    marker, _ = markers(ahead, EVERY_KEY, CUT_OFF, issued_before=future)
    assert marker == future


@pytest.mark.parametrize("prefix", ["a", "0f", "c0de"])
def test_a_prefixed_token_is_a_uuid_of_version_4_that_shares_nothing_else(
    rows: Any, target: Target, prefix: str
) -> None:
    leak(rows, 200, first=1000)
    update = batch.update_range(
        target, EVERY_KEY, tokens.sets_token(target, tokens.prefixed_uuid(target))
    )
    assert ask(rows, update, token_prefix=prefix, **values_of(target, EVERY_KEY)) == [205]
    found = keys_of(ask(rows, "SELECT token FROM tickets_ticket WHERE id = ANY(%(a)s)", a=PENDING))
    found += keys_of(ask(rows, "SELECT token FROM tickets_ticket WHERE id >= 1000"))
    assert len({token.hex for token in found}) == 205
    assert all(token.hex.startswith(prefix) for token in found)
    assert {(token.version, token.variant) for token in found} == {(4, RFC_4122)}
    bits = [f"{token.int:0128b}" for token in found]
    fixed = [place for place, column in enumerate(zip(*bits, strict=True)) if len({*column}) == 1]
    assert fixed == [*range(4 * len(prefix)), *range(48, 52), 64, 65]


def test_no_prefixed_token_follows_from_another_statement(rows: Any, target: Target) -> None:
    query = batch.update_range(
        target, EVERY_KEY, tokens.sets_token(target, tokens.prefixed_uuid(target))
    )
    values = {"token_prefix": "a", **values_of(target, EVERY_KEY)}
    made = set()
    for _ in range(2):
        ask(rows, "BEGIN")
        ask(rows, query, **values)
        made |= set(keys_of(ask(rows, "SELECT token FROM tickets_ticket WHERE id IN (1, 3)")))
        ask(rows, "ROLLBACK")
    assert len(made) == 4


def test_an_expression_keeps_its_percent_signs(rows: Any, target: Target) -> None:
    odd = tokens.made_by("(CASE WHEN 7 % 2 = 1 THEN gen_random_uuid() END)")
    assert ask(
        rows,
        batch.update_range(target, EVERY_KEY, tokens.sets_token(target, odd)),
        **values_of(target, EVERY_KEY),
    ) == [len(PENDING)]
