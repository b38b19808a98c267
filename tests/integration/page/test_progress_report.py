"""/rotation/report.csv says, for staff, where in the table a rotation is and when it got there."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from tests.support.driver import sql
from tests.support.leaked import leak, value
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.progress import COLUMNS, RANGE_ROWS_AT_LEAST, progress

URL = "/rotation/report.csv"
HOUR = datetime(2026, 1, 5, 10, tzinfo=UTC)

Line = dict[str, Any]


@pytest.fixture
def served(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]


def whole(response: HttpResponse) -> str:
    assert response.status_code == 200, response.content
    text = response.getvalue().decode()
    response.close()
    return text


def lines_of(*targets: Target) -> list[Line]:
    """The report's lines as the database answers them."""
    reader = Connection(targets[0].database)
    try:
        rows = reader.rows(*progress(targets))
    finally:
        reader.close()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def section(lines: list[Line], name: str) -> list[Line]:
    return [line for line in lines if line["section"] == name]


@pytest.mark.django_db(transaction=True)
def test_staff_download_it_and_programs_can_read_it(served: None, client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticket (subject, status, created_at) "
            "SELECT 'Ticket', 'open', now() FROM generate_series(1, 3)"
        )
        cursor.execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id % 3 = 0")
    text = whole(client.get(URL))
    keys, hour, total = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(keys) == COLUMNS
    assert (keys["model"], keys["section"]) == ("tickets.Ticket", "keys")
    assert (keys["rows"], keys["rotated"], keys["pending"]) == ("3", "2", "1")
    assert (hour["section"], hour["rotated"]) == ("hour", "2")
    assert datetime.fromisoformat(hour["hour"]).minute == 0
    assert (total["rows"], total["rotated"], total["pending"]) == ("3", "2", "1")
    frame = pd.read_csv(io.StringIO(text), parse_dates=["hour", "last_rotated_at"])
    assert frame["pending"].tolist() == [1, 0, 1]
    assert frame["last_rotated_at"].dt.tz is not None


@pytest.mark.django_db(transaction=True)
def test_nobody_else_gets_it(served: None, client: Client) -> None:
    for _ in range(2):
        refused = client.get(URL)
        assert refused.status_code == 302
        assert refused["Location"].startswith("/admin/login/")
        client.force_login(User.objects.get_or_create(username="customer")[0])
    assert client.post(URL).status_code == 405


def test_each_row_is_in_one_stretch_of_keys_and_each_rotated_row_in_one_hour(
    target: Target, tickets: Any
) -> None:
    rows = 2 * RANGE_ROWS_AT_LEAST + 500
    leak(tickets, rows, step=3, first=10)
    with tickets.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
        for first, until, time in ((0, 1000, HOUR), (1000, 1200, HOUR + timedelta(hours=2.5))):
            cursor.execute(
                "UPDATE tickets_ticket SET token_rotated_at = %s WHERE (id - 10) / 3 >= %s "
                "AND (id - 10) / 3 < %s",
                (time, first, until),
            )
    lines = lines_of(target)
    one, two, three = section(lines, "keys")
    assert (one["first_key"], one["last_key"]) == ("10", f"{10 + 3 * 999}")
    assert (one["rows"], one["rotated"], one["pending"]) == (1000, 1000, 0)
    assert (one["first_rotated_at"], one["last_rotated_at"]) == (HOUR, HOUR)
    assert (two["first_key"], two["rows"], two["rotated"]) == (f"{10 + 3 * 1000}", 1000, 200)
    assert (three["last_key"], three["rows"]) == (f"{10 + 3 * (rows - 1)}", 500)
    assert (three["rotated"], three["first_rotated_at"]) == (0, None)
    first, second = section(lines, "hour")
    assert (first["hour"], first["rotated"], first["pending"]) == (HOUR, 1000, 0)
    assert (second["hour"], second["rotated"]) == (HOUR + timedelta(hours=2), 200)
    (total,) = section(lines, "total")
    assert (total["rows"], total["rotated"], total["pending"]) == (rows, 1200, rows - 1200)
    assert lines[-1] == total
    for line in (first, second, total):
        assert (line["first_key"], line["last_key"]) == (None, None)


@pytest.mark.parametrize(
    ("key_type", "key"),
    [
        ("uuid", "md5(n::text)::uuid"),
        ("text", "'key ' || n"),
        ("timestamptz", "now() - n * interval '1 s'"),
    ],
)
def test_keys_may_be_of_any_ordered_type(
    key_type: str, key: str, target: Target, tickets: Any
) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(
            f'CREATE TABLE "any Key" ("the Key" {key_type} PRIMARY KEY, "It\'s" timestamptz);'
            f'INSERT INTO "any Key" SELECT {key}, CASE WHEN n %% 2 = 0 THEN now() END '
            "FROM generate_series(1, %s) AS n",
            [RANGE_ROWS_AT_LEAST + 100],
        )
    other = replace(
        target, label="any.Key", table="any Key", key_column="the Key", marker_column="It's"
    )
    lines = [line for line in lines_of(target, other) if line["model"] == "any.Key"]
    stretches = section(lines, "keys")
    assert [line["rows"] for line in stretches] == [RANGE_ROWS_AT_LEAST, 100]
    ordered = 'SELECT "the Key"::text FROM "any Key" ORDER BY "the Key" {} LIMIT 1'
    assert stretches[0]["first_key"] == value(tickets, ordered.format("ASC"))
    assert stretches[1]["last_key"] == value(tickets, ordered.format("DESC"))
    assert section(lines, "total")[0]["rotated"] == (RANGE_ROWS_AT_LEAST + 100) // 2


def test_an_empty_table_has_a_total_of_nothing(target: Target) -> None:
    (total,) = lines_of(target)
    assert (total["section"], total["rows"], total["rotated"]) == ("total", 0, 0)


@pytest.mark.server_versions
@pytest.mark.plans
def test_the_database_sorts_no_large_table(target: Target, tickets: Any) -> None:
    """It counts as it goes along the primary key: what it keeps does not grow with the rows."""
    with tickets.cursor() as cursor:
        # What a large table with many times of rotation looks like to the planner.
        cursor.execute(
            "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
            "INSERT INTO tickets_ticket (subject, status, created_at, token, token_rotated_at) "
            "SELECT '', 'open', now(), gen_random_uuid(), now() - n * interval '1 s' "
            "FROM generate_series(1, 100000) AS n; ANALYZE tickets_ticket"
        )
        statement, values = progress([target])
        cursor.execute("SET cursor_tuple_fraction = 1")
        cursor.execute(sql.SQL("EXPLAIN ") + statement, values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using tickets_ticket_pkey" in plan, plan
    assert "MixedAggregate" in plan, plan
    assert plan.count("Sort Key") == 1, plan  # that of the few lines at the end
