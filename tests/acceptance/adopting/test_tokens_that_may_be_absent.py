"""Tokens that may be absent: from the declaration to the end of the rotation, in a real project."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project, operations

BEFORE = """
class Device(models.Model):
    token = models.UUIDField(null=True, unique=True)

class Key(models.Model):
    secret = models.CharField(max_length=64, null=True, blank=True, unique=True)

class Link(models.Model):
    code = models.CharField(max_length=64, blank=True)
"""

IMPORTS = """
from token_rotation import PendingIndex, RotatedAtField, guard, token_default
from token_rotation.tokens.formats import hexadecimal
"""

ADOPTED = f"""
{IMPORTS}
class Device(models.Model):
    token = models.UUIDField(null=True, unique=True)
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard()

class Key(models.Model):
    secret = models.CharField(max_length=64, null=True, blank=True, unique=True)
    secret_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex("secret_at")]
        triggers = guard("secret", "secret_at", hexadecimal())

class Link(models.Model):
    code = models.CharField(max_length=64, blank=True)
    code_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex("code_at")]
        triggers = guard("code", "code_at", hexadecimal(), make_tokens=hexadecimal().make)
"""

EVERY_ROW = "max_length=64, db_default=token_default(hexadecimal())"

ROWS = """
INSERT INTO shop_device (token) SELECT gen_random_uuid() FROM generate_series(1, 100);
INSERT INTO shop_device (token) SELECT NULL FROM generate_series(1, 50);
INSERT INTO shop_key (secret) SELECT 'leaked' || n FROM generate_series(1, 100) AS n;
INSERT INTO shop_key (secret) SELECT nullif('', CASE WHEN n > 1 THEN '' END)
FROM generate_series(1, 50) AS n;
INSERT INTO shop_link (code) SELECT 'leaked' || n FROM generate_series(1, 100) AS n;
INSERT INTO shop_link (code) SELECT '' FROM generate_series(1, 50);
"""
COLUMNS = {"device": "token", "key": "secret", "link": "code"}
ABSENT = "SELECT count(*) FROM shop_{0} WHERE coalesce({1}::text, '') = ''"
LEAKED = "SELECT count(*) FROM shop_{0} JOIN leaked_{0} USING (id, {1})"


@pytest.fixture
def project(tmp_path: Path, database: str, tables: Any) -> Project:
    """Each of its tables has 100 leaked tokens, and 50 rows without one."""
    project = Project(tmp_path, database)
    project.models(BEFORE)
    project.run_each("makemigrations", "migrate --verbosity 0")
    with tables.cursor() as cursor:
        cursor.execute(ROWS)
        for table, column in COLUMNS.items():
            cursor.execute(
                f"CREATE TABLE leaked_{table} AS SELECT id, {column} FROM shop_{table}"
                f" WHERE {column}::text <> ''"
            )
    return project


def index_of(tables: Any, table: str) -> str:
    return str(
        value(
            tables,
            "SELECT string_agg(indexdef, '; ') FROM pg_indexes"
            " WHERE tablename = %s AND indexname LIKE '%%pending'",
            f"shop_{table}",
        )
    )


def test_rows_without_a_token_have_none_after_the_rotation(project: Project, tables: Any) -> None:
    project.models(ADOPTED)
    said = project.run_each(
        "makemigrations --no-input",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
        "rotate_tokens --dry-run",
        fails_with=3,
    )
    assert len(re.findall("would rotate 100 of 100 pending rows", said)) == 3
    assert re.search(r"token\)::text <> ''::text", index_of(tables, "device"))
    assert re.search(r"secret\)::text <> ''::text", index_of(tables, "key"))
    assert re.search(r"code\)::text <> ''::text", index_of(tables, "link"))
    project.run_each("rotate_tokens", "makemigrations --check")
    for table, column in COLUMNS.items():
        assert value(tables, ABSENT.format(table, column)) == 50
        assert value(tables, LEAKED.format(table, column)) == 0
    project.run("migrate", "shop", "0001", "--verbosity", "0")  # each step can be undone


OLD_INDEX = """
{imports}
from token_rotation.declare.pending_index import pending_index_name

class Device(models.Model):
    token = models.UUIDField(null=True, unique=True)
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [models.Index(
            fields=["id"],
            name=pending_index_name("shop_device", "token_rotated_at"),
            condition=models.Q(token_rotated_at__isnull=True),
        )]
        triggers = guard()
"""


def test_an_older_pending_index_serves_and_goes_when_the_new_one_is_there(
    project: Project, tables: Any
) -> None:
    others = ADOPTED.partition("class Key")[2]
    project.models(OLD_INDEX.format(imports=IMPORTS) + "\nclass Key" + others)
    project.run_each(
        "makemigrations --no-input",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
    )
    before = index_of(tables, "device")
    assert "::text" not in before
    old = len(project.written())
    project.run("rotate_tokens", "shop.Device", "--limit", "40", fails_with=3)
    project.models(ADOPTED)
    project.run_each("makemigrations --no-input", "makemigrations --check")
    written = list(project.written().values())[old:]
    assert [operations(text) for text in written] == [
        ["AddIndexConcurrentlyPolitely", "RemoveIndexConcurrentlyPolitely"]
    ]
    assert all("atomic = False" in text for text in written)
    project.run_each("migrate --verbosity 0", "check --database default --fail-level WARNING")
    after = index_of(tables, "device")
    assert (after.count("CREATE INDEX"), before != after) == (1, True)
    project.run("rotate_tokens")
    assert value(tables, ABSENT.format("device", "token")) == 50
    assert value(tables, LEAKED.format("device", "token")) == 0
    project.run("migrate", "shop", f"{old:04}", "--verbosity", "0")
    assert index_of(tables, "device") == before


BY_CODE = """
import uuid

from shop.models import Device
from token_rotation import rotate_rows, rotate_token
from token_rotation.errors import NoTokenError

empty = Device.objects.filter(token=None).first()
try:
    rotate_token(empty)
except NoTokenError as error:
    assert "set the field and save the row" in str(error)
else:
    raise AssertionError("it got a token")
assert rotate_rows(Device.objects.all()) == 100
assert Device.objects.filter(token=None).count() == 50
made = Device.objects.create(token=None)
made.refresh_from_db()
assert made.token is None and made.token_rotated_at, "created without a token"
sent = uuid.uuid4()
made = Device.objects.create(token=sent)
assert sent != made.token == Device.objects.get(pk=made.pk).token, "what is stored is read back"
"""


def test_application_code_gives_them_no_token_either(project: Project, tables: Any) -> None:
    project.models(ADOPTED)
    project.run_each("makemigrations --no-input", "migrate --verbosity 0")
    project.run("shell", "--command", BY_CODE)
    assert value(tables, LEAKED.format("device", "token")) == 0


def test_an_empty_text_that_the_field_does_not_allow_is_refused_by_name(
    project: Project, tables: Any
) -> None:
    project.models(ADOPTED.replace("max_length=64, blank=True", EVERY_ROW))
    project.run_each("makemigrations --no-input", "migrate --verbosity 0")
    said = project.run("rotate_tokens", "shop.Link", fails_with=1)
    assert "Rows of shop_link have '' for a token, which shop_link.code does not allow" in said
    assert "Nothing was changed" in said
    assert value(tables, ABSENT.format("link", "code")) == 50


ENSURED = """
from django.db import migrations
from token_rotation.schema import EnsureRotated

class Migration(migrations.Migration):
    dependencies = [("shop", "{before}")]
    operations = [EnsureRotated("shop.Link", "code_at", token="code")]
"""


def test_a_migration_that_waits_for_the_rotation_does_not_wait_for_them(
    project: Project, tables: Any
) -> None:
    project.models(ADOPTED)
    project.run_each("makemigrations --no-input", "migrate --verbosity 0")
    last = list(project.written())[-1]
    (project.migrations / "0999_ensured.py").write_text(ENSURED.format(before=last))
    said = project.run("migrate", fails_with=1)
    assert "100 rows still have a token that may be leaked" in said
    project.run_each("rotate_tokens", "migrate")


def test_settings_whose_local_times_repeat_are_refused_before_anything_is_adopted(
    project: Project, tables: Any
) -> None:
    project.models(ADOPTED)
    settings = project.directory / "settings.py"
    text = settings.read_text().replace("USE_TZ = True", "USE_TZ = False")
    settings.write_text(f"{text}\nTIME_ZONE = 'Europe/Berlin'\n")
    refused = project.run("makemigrations", fails_with=1)
    assert "USE_TZ is False and TIME_ZONE is Europe/Berlin, whose clocks change" in refused
    assert "token_rotation.E040" in refused
    settings.write_text(f"{text}\nTIME_ZONE = 'UTC'\n")
    project.run_each("makemigrations --no-input", "migrate --verbosity 0", "rotate_tokens")
    project.run_each("rotate_tokens --issued-before now", "rotate_tokens --report")
    for table, column in COLUMNS.items():
        assert value(tables, LEAKED.format(table, column)) == 0
    settings.write_text(f"{text}\nTIME_ZONE = 'Europe/Berlin'\n")
    assert "E040" in project.run("rotate_tokens", fails_with=1)
