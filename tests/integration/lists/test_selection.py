"""A selection rotates the rows that it names and no others."""

import io
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.batches import batch_runner
from tests.support.driver import QueryCanceled
from tests.support.driver import sql as driver_sql
from tests.support.leak_lists import list_of
from tests.support.leaked import column, leak, pending, value
from tests.support.policies import reading_under_policies
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.engine.batches import pending_rows
from token_rotation.engine.result import Outcome
from token_rotation.errors import ListError, SelectionError
from token_rotation.events import Event, Waiting
from token_rotation.inspection.counting import count_pending
from token_rotation.intake.rows import ReportedRows
from token_rotation.options import ListOptions, RotationOptions
from token_rotation.postgres import statements
from token_rotation.postgres.cancel_request import CancelRequest
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.run import pending as pending_module
from token_rotation.run.operator_run import OperatorRun
from token_rotation.run.output import Output
from token_rotation.run.selected import list_to_rotate
from token_rotation.selection.key_range import KeyRange, Listed
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.list_kinds import Kind
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import pending as selection_sql
from token_rotation.sql import tokens as tokens_sql
from token_rotation.sql.keys import ranges as key_ranges_sql
from token_rotation.targets.filters import compile_where
from token_rotation.targets.lookup import ListCount, ListedRows
from token_rotation.targets.resolve import KEYS, TOKENS, list_kinds, resolve
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import MakeTokens, PythonTokens
from token_rotation.verification.token_column import column_of
from token_rotation.verification.valid_tokens import verify, verify_list

pytestmark = pytest.mark.server_versions

ROTATED = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now() WHERE {}; "
    "TRUNCATE token_change"
)

SLOW = "pg_sleep(60) IS NOT NULL"
LOOKS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
    "AND datname = current_database() AND query LIKE '%rotation_listed%'"
)


def changed(tickets: Any) -> list[int]:
    """Each change of a token."""
    return column(tickets, "SELECT ticket_id FROM token_change ORDER BY 1")


def only(target: Target, **selection: Any) -> Target:
    return resolve(target, list_args=("--only", "leaked.txt"), **selection)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("make_tokens", [None, random_uuids])
def test_a_sparse_selection_is_found_in_short_steps_and_nothing_else_changes(
    tickets: Any,
    target: Target,
    rotation: RotationFactory,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    make_tokens: MakeTokens | None,
) -> None:
    monkeypatch.setattr(pending_rows, "WALK_ROWS", 100)
    leak(tickets, 3_000)
    tickets.cursor().execute(ROTATED.format("id % 300 > 2"))
    source = PythonTokens(make_tokens) if make_tokens else target.token_source
    cut_off = datetime(2026, 1, 1, tzinfo=UTC)
    narrowed = resolve(
        replace(target, token_source=source), issued_before=cut_off, where=["id__lte=2000"]
    )
    result = rotation(target=narrowed, workers=workers, batch_rows=2).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 20)
    assert changed(tickets) == [n for n in range(1, 2_001) if n % 300 <= 2]
    assert pending(tickets) == 10


def test_one_of_several_token_columns_is_aimed_at_as_an_only_one_is(target: Target) -> None:
    one_of_several = replace(target, label="tickets.Ticket.token")
    assert resolve(one_of_several, where=["status=open"]).selection.condition is not None
    assert [kind.name for kind in list_kinds(one_of_several, TOKENS, KEYS)] == [TOKENS, KEYS]


@pytest.mark.parametrize("header", ["id", "pk", "KEY", "status", "id,status"])
def test_a_list_whose_header_names_another_column_proves_nothing(
    target: Target, tmp_path: Path, header: str
) -> None:
    """Where any text could be a token, the header would be one that is found nowhere."""
    listed, said = tmp_path / "leaked.txt", list[str]()
    listed.write_text(f"{header}\n1\n2\n3\n")
    of_text = replace(target, token_column="subject")
    with pytest.raises(ListError, match=r"its header names the column .* or say --list-of tokens"):
        verify_list([column_of(of_text)], ListOptions(str(listed)), said.append)
    assert said == []


@pytest.mark.parametrize("header", ["status", "sha256"])
def test_a_list_to_rotate_whose_header_names_neither_tokens_nor_keys_is_refused(
    target: Target, tmp_path: Path, header: str
) -> None:
    listed = tmp_path / "leaked.txt"
    listed.write_text(f"{header}\nx\n")
    of_text = replace(target, token_column="subject")
    with (
        pytest.raises(ListError, match=f"names the column {header}"),
        list_to_rotate(of_text, ListOptions(str(listed))),
    ):
        pass
    listed.write_text("id\n1\n")
    with list_to_rotate(of_text, ListOptions(str(listed))) as keys:
        assert keys is not None
        assert (keys.kind.name, list(keys.values())) == (KEYS, ["1"])


def test_a_cut_off_takes_older_tokens_and_leaves_later_ones(
    tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 30)
    tickets.cursor().execute(ROTATED.format("id <= 20"))
    cut_off = value(tickets, "SELECT clock_timestamp()")
    tickets.cursor().execute(ROTATED.format("id <= 10"))
    narrowed = resolve(target, issued_before=cut_off)
    with reading(target.database) as connection:
        assert count_pending(connection, narrowed).rows == 20
    rotation(target=narrowed).run()
    assert changed(tickets) == list(range(11, 31))
    with reading(target.database) as connection:
        assert count_pending(connection, narrowed).rows == 0


def test_a_count_of_a_selection_that_takes_too_long_becomes_the_planners_estimate(
    tickets: Any, target: Target, slow_at: Callable[[str], None]
) -> None:
    leak(tickets, 1_000)
    tickets.cursor().execute(ROTATED.format("id <= 800"))
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    slow_at("id = 1000")
    narrowed = resolve(target, issued_before=datetime(2026, 1, 1, tzinfo=UTC))
    with reading_under_policies(target.database) as connection:
        counted = count_pending(connection, narrowed, at_most_seconds=0.05)
    assert counted.is_estimate
    assert counted.rows == pytest.approx(200, rel=0.2)


def test_a_listed_token_changes_although_the_clock_was_put_back_since_it_was_issued(
    tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 5)
    tickets.cursor().execute(
        "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
        "UPDATE tickets_ticket SET token_rotated_at = clock_timestamp() + interval '1 hour';"
        "ALTER TABLE tickets_ticket ENABLE TRIGGER USER"
    )
    tokens = column(tickets, "SELECT token FROM tickets_ticket")
    result = rotation(target=only(target), leak_list=list_of(target, tokens)).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 5)
    assert changed(tickets) == [1, 2, 3, 4, 5]
    ahead = "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at > clock_timestamp()"
    assert value(tickets, ahead) == 0


def test_a_row_that_got_another_token_since_it_was_looked_up_is_left_alone(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 4)
    tickets.cursor().execute(ROTATED.format("id <= 2"))
    tokens = column(tickets, "SELECT token FROM tickets_ticket")
    connection = Connection(target.database)
    runner = batch_runner(connection, only(target))
    listed = pending_rows.PendingRows(
        connection, only(target), lock_timeout_ms=50, leak_list=list_of(target, tokens)
    )
    rows = listed.listed_rows([str(token) for token in tokens])
    tickets.cursor().execute(ROTATED.format("id IN (1, 3)"))
    markers = tuple(marker for _, marker in rows if marker is not None)
    batch_of_all = KeyRange(listed=Listed(tuple(key for key, _ in rows), markers))
    assert runner.rotate(batch_of_all).rotated_rows == 2
    assert runner.rotate(batch_of_all).rotated_rows == 0
    connection.close()
    assert changed(tickets) == [2, 4]


def test_a_listed_row_that_stays_locked_ends_the_run_with_its_holder_named(
    tickets: Any, other: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id IN (7, 8, 50) FOR UPDATE")
    run = rotation(
        target=only(target),
        leak_list=list_of(target, [5, 6, 7, 8, 9], KEYS),
        wait_for_locks_seconds=0.5,
    )
    result = run.run()
    assert (result.outcome, result.skipped_rows) == (Outcome.ROWS_LOCKED, 2)
    assert [each.pid for each in result.blockers] == [other.info.backend_pid]
    assert changed(tickets) == [5, 6, 9]


def test_a_locked_row_of_a_cut_off_is_rotated_once_it_is_free(
    tickets: Any, other: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(ROTATED.format("true"))
    other.cursor().execute("UPDATE tickets_ticket SET subject = 'kept' WHERE id = 42")

    def let_go(event: Event) -> None:
        if isinstance(event, Waiting):
            other.commit()

    narrowed = resolve(target, issued_before=value(tickets, "SELECT clock_timestamp()"))
    result = rotation(let_go, target=narrowed, batch_rows=30).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)
    assert changed(tickets) == list(range(1, 101))


def test_a_taken_token_isolates_its_row_among_listed_ones(
    tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 40)
    taken = str(value(tickets, "SELECT token FROM tickets_ticket WHERE id = 40"))
    made: list[int] = []

    def collide_at_first(rows: int) -> list[str]:
        made.append(rows)
        return [taken, *random_uuids(rows - 1)] if len(made) <= 5 else list(random_uuids(rows))

    source = replace(target, token_source=PythonTokens(collide_at_first))
    leak_list = list_of(target, range(1, 17), KEYS)
    result = rotation(target=only(source), leak_list=leak_list).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 16)
    assert changed(tickets) == list(range(1, 17))


def test_tokens_without_an_index_are_looked_up_however_long_a_statement_may_take(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 3)
    tickets.cursor().execute(
        "CREATE VIEW slow AS SELECT t.* FROM tickets_ticket t, (SELECT pg_sleep(0.4)) AS slowly;"
        f'ALTER DATABASE "{tickets.info.dbname}" SET statement_timeout = 200'
    )
    tokens = column(tickets, "SELECT token::text FROM tickets_ticket WHERE id < 3")
    slow = only(replace(target, table="slow", token_is_unique=False))
    with reading(target.database) as connection:
        assert connection.value(driver_sql.SQL("SHOW statement_timeout")) == "200ms"
        found = ListedRows(connection, slow, list_of(slow, tokens)).find(tokens)
    assert [key for key, _ in found] == ["1", "2"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("counted", [False, True])
def test_one_signal_ends_a_count_of_a_list_that_takes_long_and_a_pass(
    tickets: Any,
    other: Any,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    signum: signal.Signals,
    counted: bool,  # noqa: FBT001
) -> None:
    leak(tickets, 3)
    tokens = column(tickets, "SELECT token FROM tickets_ticket")
    selection = Selection(list_args=("--only", "leaked.txt"), condition=Condition(SLOW))
    narrowed = replace(target, selection=selection)
    if counted:
        few = ListCount(3, 3, 3, 3)
        monkeypatch.setattr(pending_module, "count_listed", lambda *_, **__: few)
    said = io.StringIO()
    output, leaked = Output("lines", out=said, err=said), list_of(narrowed, tokens)
    run = OperatorRun(narrowed, RotationOptions(), output, leak_list=leaked)

    def stop_in_time() -> None:
        until(lambda: value(other, LOOKS))
        os.kill(os.getpid(), signum)

    other.autocommit = True
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(stop_in_time)
        assert not run.run()
        stopping.result()
    assert run.result.outcome is Outcome.STOPPED
    assert "Stopped on request; " in said.getvalue()
    assert changed(tickets) == []


@pytest.mark.parametrize("key_type", ["integer", "uuid", "text"])
def test_listed_keys_may_be_of_many_types(
    tickets: Any, target: Target, rotation: RotationFactory, key_type: str
) -> None:
    keys = {"integer": "n", "uuid": "gen_random_uuid()", "text": """'it''s "' || n || ', \\'"""}
    tickets.cursor().execute(
        f"""
        CREATE TABLE "order""s" (
            "key" {key_type} PRIMARY KEY, "token" uuid UNIQUE, "place" timestamptz
        );
        INSERT INTO "order""s" SELECT {keys[key_type]}, NULL FROM generate_series(1, 50) AS n;
        CREATE INDEX ON "order""s" ("key") WHERE "place" IS NULL;
        """
    )
    orders = replace(
        target, table='order"s', key_column="key", token_column="token", marker_column="place"
    )
    wanted = column(tickets, 'SELECT "key"::text FROM "order""s" ORDER BY "key" LIMIT 10')
    text = "".join(f"{key}\n" for key in wanted)
    kind = Kind(KEYS, frozenset(), str)
    for source in (target.token_source, PythonTokens(random_uuids)):
        tickets.cursor().execute('UPDATE "order""s" SET "place" = NULL, "token" = NULL')
        leak_list = LeakList(io.BytesIO(text.encode()), "keys", [kind], KEYS)
        narrowed = replace(
            orders, token_source=source, selection=Selection(list_args=("--only", "keys"))
        )
        assert rotation(target=narrowed, leak_list=leak_list, batch_rows=4).run().rotated_rows == 10
        done = 'SELECT "key"::text FROM "order""s" WHERE "token" IS NOT NULL ORDER BY "key"'
        assert column(tickets, done) == wanted


@pytest.mark.parametrize(
    ("expressions", "ids"),
    [
        (["status=closed"], [2, 4, 6]),
        (["status=closed", "id__gt=2"], [4, 6]),
        (["status__in=closed,waiting"], [2, 4, 6]),
        (["pk__range=3,5"], [3, 4, 5]),
        (["created_at__lt=2026-02-01"], [1, 2]),
        (["created_at__date__gte=2026-02-01", "created_at__year=2026"], [3, 4, 5, 6]),
        (["created_at__date__range=2026-01-01,2026-01-31"], [1, 2]),
        (["created_at__month__in=1,3"], [1, 2]),
        (["subject__contains=%s 50%"], [3]),
        (["subject__startswith=it's"], [5]),
        (["messages__isnull=true"], [2, 3, 4, 5, 6]),
        (["messages__body=help"], [1]),
        (["imported__reference=null"], [1, 2, 3, 4, 5, 6]),
        (["token_rotated_at__isnull=TRUE"], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_filters_mean_what_django_means_by_them(
    tickets: Any, target: Target, rotation: RotationFactory, expressions: list[str], ids: list[int]
) -> None:
    leak(tickets, 6)
    tickets.cursor().execute(
        """
        UPDATE tickets_ticket SET status = 'closed' WHERE id % 2 = 0;
        UPDATE tickets_ticket SET created_at = CASE WHEN id <= 2 THEN '2026-01-15'::timestamptz
        ELSE '2026-02-01 00:00Z' END;
        UPDATE tickets_ticket SET subject = 'at %s 50% {off}' WHERE id = 3;
        UPDATE tickets_ticket SET subject = 'it''s' WHERE id = 5;
        INSERT INTO tickets_message (ticket_id, body, version) VALUES (1, 'help', 1), (1, 'help', 1)
        """
    )
    result = rotation(target=resolve(target, where=expressions), batch_rows=2).run()
    assert result.outcome is Outcome.COMPLETE
    assert changed(tickets) == ids


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("status", "is no filter"),
        ("=open", "is no filter"),
        ("nope=1", "Cannot resolve keyword 'nope'"),
        ("status__nope=1", "nope"),
        ("id=abc", "abc"),
        ("created_at__gte=yesterday", "yesterday"),
        ("id__in=1,,2", "integer"),
        ("id__range=1", "two values"),
        ("created_at__date__range=2026-01-01", "two values"),
        ("id__range=1,2,3", "two values"),
        ("messages__isnull=maybe", "say true or false"),
        ("token=9f8e7d6c-5b4a-4321-8765-43210fedcba9", "is a token"),
        ("token__in=a,b", "is a token"),
        ("messages__ticket__token=x", "is a token"),
        ("status=open'); DROP TABLE tickets_ticket; --", None),
    ],
)
def test_what_is_no_filter_is_named_in_one_line_and_nothing_typed_becomes_sql(
    tickets: Any, target: Target, expression: str, reason: str | None
) -> None:
    if reason is None:
        condition = compile_where(Ticket, target.database, [expression])
        assert condition is not None
        assert "DROP" not in condition.text
        return
    with pytest.raises(SelectionError, match=reason) as refused:
        resolve(target, where=[expression])
    assert "\n" not in str(refused.value)


def test_a_batch_of_a_selection_reads_a_stretch_of_keys_whatever_indexes_there_are(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 2_000)
    tickets.cursor().execute(
        "CREATE INDEX status ON tickets_ticket (status);"
        "CREATE INDEX marker ON tickets_ticket (token_rotated_at);"
        "CREATE INDEX either ON tickets_ticket (status, token_rotated_at);"
    )
    cut_off = value(tickets, "SELECT now()")
    keys = KeyRange(10, 20)
    uuid = tokens_sql.made_by("gen_random_uuid()")
    for narrowed in (
        resolve(target, where=["status=open"]),
        resolve(target, issued_before=cut_off),
        resolve(target, issued_before=cut_off, where=["status=nothing has it"]),
    ):
        values = {**selection_sql.values_of(narrowed, keys), "batch_rows": 5, "walk_rows": 50}
        for statement in (
            batch_sql.update_range(narrowed, keys, tokens_sql.sets_token(narrowed, uuid)),
            batch_sql.update_free_rows(narrowed, keys, tokens_sql.sets_token(narrowed, uuid)),
            key_ranges_sql.walk(narrowed, keys),
        ):
            with tickets.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute(statements.READ_IN_KEY_ORDER)
                cursor.execute(driver_sql.SQL("EXPLAIN ") + statement, values)
                plan = "\n".join(line for (line,) in cursor.fetchall())
                cursor.execute("ROLLBACK")
            assert "Seq Scan" not in plan
            assert "_pkey" in plan or "tickets_ticket_pending" in plan
            assert not any(f"using {name} " in plan for name in ("status", "marker", "either"))
            assert "Bitmap" not in plan


def test_no_listed_token_stands_in_the_log_of_a_server_that_logs_everything(
    tickets: Any, target: Target, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Path(value(tickets, "SHOW data_directory")).parent / "server.log"
    if not log.exists():
        pytest.skip("the log of this server is somewhere else")
    leak(tickets, 200)
    database = value(tickets, "SELECT current_database()")
    for setting in ("log_statement = 'all'", "log_min_duration_statement = 0"):
        tickets.cursor().execute(f'ALTER DATABASE "{database}" SET {setting}')
    tokens = [str(each) for each in column(tickets, "SELECT token FROM tickets_ticket")]
    began = log.stat().st_size

    with reading(target.database) as connection:
        assert verify(connection, column_of(target), list_of(target, tokens)).valid_lines == 200
        assert len(ReportedRows(connection, target).rotate(tokens[:100])) == 100
    rotation(target=only(target), leak_list=list_of(target, tokens), batch_rows=20).run()
    with reading(target.database) as connection:
        assert verify(connection, column_of(target), list_of(target, tokens)).valid_lines == 0
        sent = noted_cancel_requests(monkeypatch)
        with pytest.raises(QueryCanceled):
            cancelled_in_the_middle_of_a_copy(connection, target, tokens, sent)
        assert sent.is_set()  # an error of the source has the same type
    said = log.read_bytes()[began:].decode()
    assert said.count("COPY pg_temp.rotation_listed") >= 3
    assert not any(token[:13] in said for token in tokens)


def noted_cancel_requests(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what is set once the server has taken a request."""
    sent, send = threading.Event(), CancelRequest.send

    def noted(request: CancelRequest) -> None:
        send(request)
        sent.set()

    monkeypatch.setattr(CancelRequest, "send", noted)
    return sent


def cancelled_in_the_middle_of_a_copy(
    connection: Connection, target: Target, tokens: Sequence[str], sent: threading.Event
) -> None:
    class Cancelling(LeakList):
        def values(self) -> Any:
            for number, token in enumerate(super().values()):
                if number == 100:
                    connection.cancel()
                    sent.wait(60)
                yield token

    text = "\n".join(tokens * 200).encode()
    kinds = list_kinds(target, TOKENS)
    verify(connection, column_of(target), Cancelling(io.BytesIO(text), "leaked.txt", kinds, None))


def test_a_condition_keeps_its_own_percent_signs(target: Target) -> None:
    text = "a LIKE '%%s' AND b = %s AND c %% 2 = %s AND d = '%%%s'"
    narrowed = replace(target, selection=Selection(condition=Condition(text, (1, 2, 3))))
    clause = selection_sql.condition_of(narrowed)
    with reading(target.database) as connection:
        sent = connection.text(clause, selection_sql.values_of(narrowed, KeyRange()))
    assert sent == "(a LIKE '%s' AND b = 1 AND c % 2 = 2 AND d = '%3') IS TRUE"


def test_a_token_column_without_an_index_is_looked_up_in_few_scans(
    tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 500)
    tokens = column(tickets, "SELECT token FROM tickets_ticket WHERE id <= 50")
    tickets.cursor().execute("ALTER TABLE tickets_ticket DROP CONSTRAINT tickets_ticket_token_key")
    unindexed = replace(only(target), token_is_unique=False)
    result = rotation(target=unindexed, leak_list=list_of(target, tokens)).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 50)
    assert changed(tickets) == list(range(1, 51))
