"""manage.py rotate_tokens --report tells where things stand and writes nothing."""

import csv
import io
import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.leaked import leak, value
from tests.support.manage import Manage

KEYS = [
    "model",
    "database",
    "total",
    "total_is_estimate",
    "rotated",
    "pending",
    "percent",
    "complete",
    "first_rotated_at",
    "last_rotated_at",
    "guard",
]


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, 1000)
    return connection


REPORT = ("rotate_tokens", "--report")
AS_JSON, AS_CSV = ((*REPORT, "--format", format_) for format_ in ("json", "csv"))


def read(done: "CompletedProcess[str]") -> tuple[int, dict[str, Any]]:
    values: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, values


def report(manage: Manage, database_url: str) -> tuple[int, dict[str, Any]]:
    return read(manage(*AS_JSON, database_url=database_url))


def test_before_in_the_middle_and_after(manage: Manage, database_url: str, tickets: Any) -> None:
    some, rest = ("rotate_tokens", "--limit", "250"), ("rotate_tokens",)
    first, _, second, _, third = manage.each(
        AS_JSON, some, AS_JSON, rest, AS_JSON, database_url=database_url
    )
    code, before = read(first)
    assert [key for key in before if key in KEYS] == KEYS
    assert (code, before["total"], before["rotated"], before["pending"]) == (3, 1000, 0, 1000)
    assert (before["percent"], before["complete"], before["first_rotated_at"]) == (0.0, False, None)
    assert before["next_command"] == "python manage.py rotate_tokens"

    code, middle = read(second)
    assert (code, middle["rotated"], middle["pending"], middle["percent"]) == (3, 250, 750, 25.0)
    assert middle["first_rotated_at"] <= middle["last_rotated_at"]

    code, after = read(third)
    assert (code, after["rotated"], after["pending"], after["complete"]) == (0, 1000, 0, True)
    assert after["guard"]["ok"] is True
    assert after["next_command"] is None
    assert after["total_is_estimate"] is False
    assert after["tables_looked_at"]["tables"] == ["public.tickets_ticket"]
    assert "--everywhere" in after["tables_looked_at"]["not_looked_at"][0]


def test_text_and_csv_say_the_same(manage: Manage, database_url: str, tickets: Any) -> None:
    text, table = manage.each(REPORT, AS_CSV, database_url=database_url)
    assert text.returncode == 3
    assert "pending           1,000" in text.stdout
    assert "looked at         public.tickets_ticket; not at every other table" in text.stdout
    assert "next              python manage.py rotate_tokens" in text.stdout
    (row,) = csv.DictReader(io.StringIO(table.stdout))
    assert (row["total"], row["pending"], row["guard"]) == (
        "1000",
        "1000",
        "ok (triggers enabled, indexes valid)",
    )


def test_a_disabled_guard_makes_it_incomplete_and_names_the_mend(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    manage("rotate_tokens", database_url=database_url)
    tickets.cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    code, values = report(manage, database_url)
    assert (code, values["pending"], values["complete"]) == (3, 0, False)
    assert values["guard"]["triggers"]["tickets.Ticket:guard_update"] == "disabled"
    command, _, then = values["next_command"].partition(" Then, ")
    assert then.endswith("python manage.py rotate_tokens --issued-before now")
    mend = command.removeprefix("python manage.py ").rstrip(".").split()
    _, mended = manage.each(mend, AS_JSON, database_url=database_url)
    assert read(mended)[1]["guard"]["triggers"] == {
        "tickets.Ticket:guard_insert": "enabled",
        "tickets.Ticket:guard_update": "disabled",
    }


def test_a_report_writes_nothing(manage: Manage, database_url: str, tickets: Any) -> None:
    versions = "SELECT md5(string_agg(xmin::text, ',' ORDER BY id)) FROM tickets_ticket"
    before = value(tickets, versions)
    manage("rotate_tokens", "--report", "--exact", database_url=database_url)
    assert value(tickets, versions) == before


def test_an_empty_table_is_complete_and_is_called_empty(manage: Manage, database_url: str) -> None:
    table, text = manage.each(AS_JSON, REPORT, database_url=database_url)
    code, values = read(table)
    assert (code, values["total"], values["percent"], values["complete"]) == (0, 0, 100.0, True)
    assert "next              nothing to do: the table is empty" in text.stdout


def test_the_last_runs_are_listed_with_the_latest_first(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    *_, values, text = manage.each(
        *(("rotate_tokens", "--limit", "250"), ("rotate_tokens",), AS_JSON, REPORT),
        database_url=database_url,
    )
    runs = read(values)[1]["runs"]

    assert [(run["outcome"], run["rotated_rows"]) for run in runs] == [
        ("complete", 750),
        ("limit_reached", 250),
    ]
    assert ": complete, 750 rows in 0:00:0" in text.stdout
    assert text.stdout.count("last run") == 2


def test_sizes_and_dead_rows_are_told_in_every_format(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    first, text, table = manage.each(AS_JSON, REPORT, AS_CSV, database_url=database_url)
    _, values = read(first)
    assert values["table_bytes"] == value(tickets, "SELECT pg_table_size('tickets_ticket')")
    assert values["index_bytes"] == value(tickets, "SELECT pg_indexes_size('tickets_ticket')")
    assert values["dead_rows"] >= 0
    for name in ("table size", "index size", "dead rows"):
        assert f"\n{name} " in text.stdout
    (row,) = csv.DictReader(io.StringIO(table.stdout))
    assert row["table_bytes"] == str(values["table_bytes"])


def test_what_will_hurt_the_rotation_is_advised_until_it_is_complete(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    with tickets.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    first, text, _, last = manage.each(
        AS_JSON, REPORT, ("rotate_tokens",), AS_JSON, database_url=database_url
    )
    _, before = read(first)
    advice = [line for line in before["advice"] if "autovacuum is off for tickets_ticket" in line]
    assert len(advice) == 1
    assert f"advice            {advice[0]}" in text.stdout
    assert read(last)[1]["advice"] == []
