"""Whatever the primary key and the token are: each token changes once, also in several goes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project

ROWS = 700
MODELS = """
from token_rotation import PendingIndex, RotatedAtField, token_default
from token_rotation.models import RotatingToken
from token_rotation.triggers.guard import guard
from token_rotation.tokens.formats import TokenFormat, characters, hexadecimal, urlsafe

SHOUTED = hexadecimal(upper=True)
READ_ALOUD = characters("abcdefghjkmnpqrstuvwxyz23456789", prefix="key-")
NOT_UNIQUE = urlsafe(30)
OWN_SQL = "md5(gen_random_uuid()::text || gen_random_uuid()::text)"

class Small(RotatingToken):
    id = models.AutoField(primary_key=True)

class Big(RotatingToken):
    pass

class Uuid(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    token = models.CharField(
        max_length=SHOUTED.length, unique=True, db_default=token_default(SHOUTED)
    )
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=SHOUTED)

class Text(models.Model):
    name = models.CharField(primary_key=True, max_length=40, db_collation={collation!r})
    token = models.TextField(unique=True, db_default=token_default(READ_ALOUD))
    token_rotated_at = RotatedAtField()
    other = models.CharField(max_length=30, db_default=token_default(NOT_UNIQUE))
    other_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex(), PendingIndex("other_at")]
        triggers = [
            *guard(fresh_token=READ_ALOUD),
            *guard("other", "other_at", NOT_UNIQUE, make_tokens=NOT_UNIQUE.make),
        ]

class Own(RotatingToken):
    token = models.CharField(
        max_length=32, unique=True, db_default=models.expressions.RawSQL(OWN_SQL, [])
    )

    class Meta(RotatingToken.Meta):
        triggers = guard(fresh_token=f"left({{OWN_SQL}}, 32 + 4 % 2)")
"""
KEYS = {
    "small": "n",
    "big": "(1::bigint << 40) + n * 7",
    "uuid": "gen_random_uuid()",
    "text": "(ARRAY['a', 'B', 'é', '_', '''', '%', 'ab c'])[1 + n % 7] || n",
    "own": "n",
}
COLUMNS = {"small": ["token"], "big": ["token"], "uuid": ["token"], "own": ["token"]}
COLUMNS["text"] = ["token", "other"]
MADE = {
    "uuid": "^[0-9A-F]{32}$",
    "text": "^key-[a-hjkmnp-z2-9]{26}$",
    "own": "^[0-9a-f]{32}$",
}


def leak(table: str) -> str:
    """Rows past the guard, with a copy, and a count of each change from then on."""
    key = "name" if table == "text" else "id"
    tokens = {"small": "gen_random_uuid()", "big": "gen_random_uuid()"}.get(table, "'leaked' || n")
    more = ", other" if table == "text" else ""
    return f"""
    ALTER TABLE shop_{table} DISABLE TRIGGER USER;
    INSERT INTO shop_{table} ({key}, token {more}, token_rotated_at)
    SELECT {KEYS[table]}, {tokens} {", 'leaked'" if more else ""}, NULL
    FROM generate_series(1, {ROWS}) AS n;
    {"UPDATE shop_text SET other_at = NULL;" if more else ""}
    ALTER TABLE shop_{table} ENABLE TRIGGER USER;
    CREATE TABLE leaked_{table} AS SELECT * FROM shop_{table};
    CREATE TABLE change_{table} (changed text);
    CREATE FUNCTION note_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO change_{table} VALUES (TG_ARGV[0] || NEW.{key}); RETURN NULL; END $$;
    """ + "".join(
        f"CREATE TRIGGER note_{column} AFTER UPDATE ON shop_{table} FOR EACH ROW"
        f" WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})"
        f" EXECUTE FUNCTION note_{table}('{column}');"
        for column in COLUMNS[table]
    )


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    return make_database("zero")


@pytest.fixture
def tables(database: str, connect: Callable[[str], Any]) -> Any:
    return connect(database)


@pytest.fixture
def project(tmp_path: Path, database: str, tables: Any) -> Project:
    """Its tables are full of leaked tokens."""
    project = Project(tmp_path, database)
    project.models(MODELS.format(collation=linguistic_collation(tables)))
    project.run_each("makemigrations", "migrate --verbosity 0")
    with tables.cursor() as cursor:
        for table in KEYS:
            cursor.execute(leak(table))
    return project


def linguistic_collation(connection: Any) -> str:
    """One that does not order by code points, where the server has any."""
    found = value(
        connection,
        "SELECT coalesce((SELECT collname FROM pg_collation WHERE collname IN"
        " ('und-x-icu', 'en-x-icu', 'en_US.utf8', 'C.utf8') AND collencoding IN"
        " (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))"
        " ORDER BY collname = 'C.utf8', collname LIMIT 1), 'C')",
    )
    return str(found)


def test_each_token_of_each_model_changes_once(project: Project, tables: Any) -> None:
    said = project.run("rotate_tokens", "--limit", "150", "--batch-rows", "40", fails_with=3)
    assert said.count("150 tokens rotated") == 6
    project.run("rotate_tokens", "SHOP.text.token", "--workers", "2", "--batch-rows", "61")
    assert value(tables, "SELECT count(*) FROM shop_text WHERE token_rotated_at IS NULL") == 0
    assert value(tables, "SELECT count(*) FROM shop_text WHERE other_at IS NULL") == ROWS - 150
    project.run("rotate_tokens", "shop.Text", "shop.Own")
    assert "shop.Big: 550 tokens rotated" in project.run("rotate_tokens")

    for table, columns in COLUMNS.items():
        expected = ROWS * len(columns)
        assert value(tables, f"SELECT count(*) FROM change_{table}") == expected
        assert value(tables, f"SELECT count(DISTINCT changed) FROM change_{table}") == expected
        for column in columns:
            assert value(tables, f"SELECT count(DISTINCT {column}) FROM shop_{table}") == ROWS
            old = f"SELECT count(*) FROM shop_{table} JOIN leaked_{table} USING ({column})"
            assert value(tables, old) == 0
    for table, pattern in MADE.items():
        good = f"SELECT count(*) FROM shop_{table} WHERE token::text ~ %s"
        assert value(tables, good, pattern) == ROWS


def test_models_are_chosen_by_label_and_one_that_is_not_ready_does_not_stop_the_others(
    project: Project, tables: Any
) -> None:
    unknown = project.run("rotate_tokens", "shop.Bug", fails_with=1)
    assert unknown.splitlines()[-1] == (
        "CommandError: no rotating token is called 'shop.Bug'; there is: shop.Small, shop.Big, "
        "shop.Uuid, shop.Text.token, shop.Text.other, shop.Own"
    )
    with tables.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_small DISABLE TRIGGER USER")
    said = project.run("rotate_tokens", "shop.Small", "shop.Uuid", fails_with=1)
    assert "disabled on shop_small" in said
    assert "shop.Uuid: 700 tokens rotated" in said
    report = project.run("rotate_tokens", "shop.Uuid", "shop.Big", "--report", fails_with=3)
    assert "shop.Uuid" in report
    assert "next              python manage.py rotate_tokens shop.Big" in report
    assert "shop.Own" not in report
    stopped = project.run("rotate_tokens", "shop.Uuid", "--stop")
    assert "No rotation of shop.Uuid is running" in stopped


ROTATE_ROWS = """
from shop.models import Own, Text
from token_rotation.declare.rotate_rows import rotate_rows, rotate_token

row = Text.objects.order_by("pk").first()
before = row.token, row.other
rotate_token(row, token="other")
assert row.token == before[0] and row.other != before[1], "the named one"
rotate_token(row)
assert row.token != before[0] and row.token_rotated_at, "every one"
again = Text.objects.get(pk=row.pk)
assert (again.token, again.other) == (row.token, row.other)
assert rotate_rows(Text.objects.all()) == 700

row = Own.objects.order_by("pk").first()
before = row.token
row.rotate_token()
assert row.token != before
assert Own.objects.rotate_tokens() == 700
"""


def test_rotated_by_code_a_row_gets_a_fresh_token_in_every_column_or_in_the_one_that_is_named(
    project: Project, tables: Any
) -> None:
    project.run("shell", "--command", ROTATE_ROWS)
    for table in ("text", "own"):
        pending = f"SELECT count(*) FROM shop_{table} WHERE token_rotated_at IS NULL"
        assert value(tables, pending) == 0
    assert value(tables, "SELECT count(*) FROM shop_text WHERE other_at IS NULL") == 0
    assert value(tables, "SELECT count(*) FROM change_text") == 2 * ROWS + 3
    assert value(tables, "SELECT count(*) FROM shop_text JOIN leaked_text USING (token)") == 0
