"""On a large table the tokens of one stretch of rows go to one slice of the index."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from tests.support.databases import unique_name
from tests.support.leaked import assert_each_token_changed_once, leak
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.engine.writers import prefixed
from token_rotation.selection.target import Target

ROWS = 4_000  # with an index of some 20 pages
BATCH_ROWS = 500


@pytest.fixture
def tokens(tickets: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[UUID]]]:
    """The tokens of each batch of a table that is taken for a large one."""
    monkeypatch.setattr(prefixed, "PAGES_A_SLICE", 1)
    leak(tickets, ROWS)

    def read() -> list[list[UUID]]:
        with tickets.cursor() as cursor:
            cursor.execute("SELECT token::text FROM tickets_ticket ORDER BY id")
            found = [UUID(token) for (token,) in cursor.fetchall()]
        return [found[n : n + BATCH_ROWS] for n in range(0, ROWS, BATCH_ROWS)]

    return read


def first_digits(batch: list[UUID]) -> set[str]:
    return {token.hex[0] for token in batch}


@pytest.mark.parametrize("how", [{}, {"limit_rows": ROWS + 1}], ids=["plain", "free rows"])
def test_neighbours_share_their_first_digits_and_nothing_else(
    tokens: Callable[[], list[list[UUID]]],
    tickets: Any,
    rotation: RotationFactory,
    how: dict[str, Any],
) -> None:
    result = rotation(batch_rows=BATCH_ROWS, **how).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert_each_token_changed_once(tickets)
    batches = tokens()
    assert [len(first_digits(batch)) for batch in batches] == [1] * len(batches)
    assert len({digit for batch in batches for digit in first_digits(batch)}) > 1
    assert {token.version for batch in batches for token in batch} == {4}
    seen = defaultdict(set)
    for batch in batches:
        for token in batch:
            for place, digit in enumerate(token.hex):
                seen[place].add(digit)
    fixed = [place for place in range(1, 32) if len(seen[place]) < 16]
    assert fixed == [12, 16], "but for the version and the variant every digit is random"
    assert len({token.hex[1:] for batch in batches for token in batch}) == ROWS


@pytest.mark.parametrize(
    "options",
    [
        {"batch_rows": BATCH_ROWS, "independent_tokens": True},
        {"batch_rows": prefixed.MOST_ROWS_A_BATCH + 1},
    ],
    ids=["asked for", "batches too large for a slice"],
)
def test_independent_tokens_share_nothing(
    tokens: Callable[[], list[list[UUID]]], rotation: RotationFactory, options: dict[str, Any]
) -> None:
    rotation(**options).run()
    assert [len(first_digits(batch)) for batch in tokens()] == [16] * (ROWS // BATCH_ROWS)


def test_an_index_that_is_mostly_empty_counts_as_what_its_rows_need(
    tokens: Callable[[], list[list[UUID]]], tickets: Any, rotation: RotationFactory
) -> None:
    cursor = tickets.cursor()
    cursor.execute("DELETE FROM tickets_ticket WHERE id > 500")
    cursor.execute("ANALYZE tickets_ticket")
    rotation(batch_rows=BATCH_ROWS).run()
    assert len(first_digits(tokens()[0])) == 16


def test_a_role_that_may_not_look_at_sizes_rotates_to_independent_tokens(
    tokens: Callable[[], list[list[UUID]]], tickets: Any, rotation: RotationFactory
) -> None:
    tickets.cursor().execute(
        "CREATE FUNCTION public.pg_relation_size(oid) RETURNS bigint LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$"
    )
    name = tickets.info.dbname
    tickets.cursor().execute(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
    result = rotation(batch_rows=BATCH_ROWS).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert [len(first_digits(batch)) for batch in tokens()] == [16] * (ROWS // BATCH_ROWS)


def test_a_role_that_may_not_read_whole_rows_rotates_to_independent_tokens(
    tokens: Callable[[], list[list[UUID]]], tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    role = unique_name("role")
    cursor = tickets.cursor()
    cursor.execute(f"CREATE ROLE {role}")
    columns = "SELECT (id, token_rotated_at), UPDATE (token, token_rotated_at)"
    cursor.execute(f"GRANT {columns} ON tickets_ticket TO {role}")
    cursor.execute(f"GRANT INSERT ON token_change TO {role}")
    options = connections[target.database].settings_dict["OPTIONS"]
    options["assume_role"] = role
    try:
        result = rotation(batch_rows=BATCH_ROWS, vacuum_every_percent=0).run()
    finally:
        del options["assume_role"]
        cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert [len(first_digits(batch)) for batch in tokens()] == [16] * (ROWS // BATCH_ROWS)


def test_each_of_several_workers_fills_one_slice_at_a_time(
    tokens: Callable[[], list[list[UUID]]], tickets: Any, rotation: RotationFactory
) -> None:
    result = rotation(batch_rows=BATCH_ROWS, workers=2).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert_each_token_changed_once(tickets)
    assert [len(first_digits(batch)) for batch in tokens()] == [1] * (ROWS // BATCH_ROWS)
