"""Every statement finds its rows by an index, whatever the statistics say, on any server."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.batches import range_update
from tests.support.driver import sql as driver_sql
from tests.support.leak_lists import list_of
from tests.support.leaked import leak, value
from tests.support.planner_statistics import ROWS, STATISTICS
from tests.support.rotations import RotationFactory
from token_rotation.inspection.counting import count_pending
from token_rotation.notify.replay import Replay
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.lookup import count_listed
from token_rotation.targets.resolve import KEYS, TOKENS, resolve
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens

pytestmark = [pytest.mark.server_versions, pytest.mark.plans]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plan of each statement about the tickets that a rotation sends, before it is sent."""
    seen: list[str] = []
    rows = Connection.rows

    def explained(name: str) -> Callable[..., Any]:
        send = getattr(Connection, name)

        def explain_and_send(self: Connection, query: driver_sql.Composable, *values: Any) -> Any:
            settings, mark, statement = query.as_string(self._open().raw).rpartition("; ")
            if '"tickets_ticket"' in statement:
                explain = driver_sql.SQL(f"{settings}{mark}EXPLAIN {statement}")
                seen.append("\n".join(line for (line,) in rows(self, explain, *values)))
            return send(self, query, *values)

        return explain_and_send

    for name in ("rows", "row", "change"):
        monkeypatch.setattr(Connection, name, explained(name))
    return seen


@pytest.fixture(params=STATISTICS)
def leaked(request: pytest.FixtureRequest, tickets: Any, target: Target) -> Iterator[Any]:
    leak(tickets, ROWS)
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    tickets.cursor().execute(STATISTICS[request.param])
    return tickets


LOOK_FOR_LATER_MARKERS = re.compile(r"token_rotated_at > (\(InitPlan|\$)")


def listed(target: Target, tickets: Any, kind: str) -> LeakList:
    column = {TOKENS: "token", KEYS: "id"}[kind]
    with tickets.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM tickets_ticket WHERE id % 2 = 0")
        return list_of(target, [each for (each,) in cursor.fetchall()], kind)


def assert_by_index(plans: Sequence[str]) -> None:
    assert plans
    for plan in plans:
        assert "Index" in plan, plan
        assert "Seq Scan on tickets_ticket" not in plan, plan
        is_count = plan.startswith(("Aggregate", "Result"))
        assert is_count or "Bitmap Heap Scan on tickets_ticket" not in plan, plan
        assert_undisputed(plan)


def assert_undisputed(plan: str) -> None:
    """No part of it was forbidden: before PostgreSQL 18 that blinds the planner to all costs, and
    a plan of such a cost is compiled first, which takes longer than most batches.
    """
    assert "cost=1000000000" not in plan, plan
    assert "Disabled: true" not in plan, plan


@pytest.mark.parametrize("kind", [TOKENS, KEYS])
def test_each_line_of_a_list_is_looked_up_in_its_index(
    leaked: Any, target: Target, rotation: RotationFactory, plans: list[str], kind: str
) -> None:
    index = {TOKENS: "tickets_ticket_token_key", KEYS: "tickets_ticket_"}[kind]
    condition = {TOKENS: "token", KEYS: "id"}[kind]
    leak_list = listed(target, leaked, kind)
    narrowed = resolve(target, list_args=("--only", "leaked.txt"))
    with reading(target.database) as connection:
        count = count_listed(connection, narrowed, leak_list, at_most_seconds=None)
    assert (count.stored_rows, count.meant_rows, count.added_rows) == (ROWS // 2, ROWS // 2, 0)
    assert rotation(target=narrowed, leak_list=leak_list).run().rotated_rows == ROWS // 2
    looks = [plan for plan in plans if "rotation_listed" in plan]
    assert len(looks) >= 2
    for plan in looks:
        assert f"using {index}" in plan, plan
        assert f"Index Cond: ({condition} = " in plan, plan
    assert_by_index(plans)


@pytest.mark.parametrize("make_tokens", [None, random_uuids])
@pytest.mark.parametrize("aim_words", ["all", "older", "filtered"])
def test_a_rotation_reads_stretches_of_an_index(
    leaked: Any,
    target: Target,
    rotation: RotationFactory,
    plans: list[str],
    aim_words: str,
    make_tokens: Callable[[int], list[str]] | None,
) -> None:
    if make_tokens:
        target = replace(target, token_source=PythonTokens(make_tokens))
    selection: dict[str, Any] = {
        "all": {},
        "older": {"issued_before": datetime(2026, 1, 1, tzinfo=UTC)},
        "filtered": {"where": ["status=open"]},
    }[aim_words]
    narrowed = resolve(target, **selection) if selection else target
    assert rotation(target=narrowed, batch_rows=500).run().rotated_rows == ROWS
    if aim_words == "all":
        with reading(target.database) as connection:
            assert count_pending(connection, narrowed).rows == 0
    replay = Replay(target, datetime(2026, 1, 1, tzinfo=UTC), stop=StopSignal(), say=print)
    assert replay.run().keys == ROWS
    looks = [plan for plan in plans if LOOK_FOR_LATER_MARKERS.search(plan)]
    assert len(looks) == (aim_words == "older")
    for plan in looks:  # no index has the markers
        assert_undisputed(plan)
    assert_by_index([plan for plan in plans if plan not in looks])


@pytest.mark.parametrize("make_tokens", [None, random_uuids])
def test_a_row_that_was_waited_for_is_found_by_its_key(
    leaked: Any,
    target: Target,
    plans: list[str],
    make_tokens: Callable[[int], list[str]] | None,
) -> None:
    if make_tokens:
        target = replace(target, token_source=PythonTokens(make_tokens))
    connection = Connection(target.database)
    update = range_update(connection, target)
    with update.first_row(KeyRange(100, 200), 1.0, time.monotonic) as row:
        row.rotate()
    connection.close()
    assert value(leaked, "SELECT ticket_id FROM token_change") == 101
    assert_by_index(plans)
