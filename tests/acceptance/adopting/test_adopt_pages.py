"""The pages of docs/adopt are followed in projects of somebody else's."""

import json
from pathlib import Path
from typing import Any

from tests.support.documents import DOCS, commands, python_blocks
from tests.support.leaked import value
from tests.support.project import Project

BEFORE = """
class ApiKey(models.Model):
    token = models.CharField(max_length=64, unique=True)
"""
ADOPTED = """
from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

class ApiKey(models.Model):
    token = models.CharField(
        max_length=64, unique=True, db_default=token_default(hexadecimal())
    )
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=hexadecimal())
"""
FIXTURE = [{"model": "shop.apikey", "pk": 7, "fields": {"token": "of the fixture"}}]
REMOVE, TENANTS = DOCS / "adopt" / "remove.md", DOCS / "adopt" / "tenants.md"
MARKERS = "SELECT count(*) FROM information_schema.columns WHERE column_name LIKE '%_rotated_at'"
OURS = "SELECT count(*) FROM pg_class WHERE relname LIKE 'token_rotation%'"
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pgtrigger_guard%'"
TOKEN = "SELECT string_agg(token, '') FROM shop_apikey"


def test_the_tests_of_the_page_pass_in_a_project_with_a_guard(
    tmp_path: Path, database: str
) -> None:
    project = Project(tmp_path, database)
    project.models(ADOPTED)
    (tests,) = python_blocks(DOCS / "adopt" / "tests.md", "shop")
    (tmp_path / "shop" / "tests.py").write_text(tests)
    (tmp_path / "shop" / "fixtures").mkdir()
    (tmp_path / "shop" / "fixtures" / "leaked.json").write_text(json.dumps(FIXTURE))
    assert "Ran 2 tests" in project.run_each("makemigrations shop", "test shop")


def test_the_page_rotates_the_tokens_of_one_schema_and_no_other(
    tmp_path: Path, database: str, tables: Any
) -> None:
    """In plain schemas; scripts/adoption-matrix follows the page with the package."""
    project = Project(tmp_path, database)
    (block,) = python_blocks(TENANTS)
    named, heading, _ = block.partition("SHARED_APPS")
    assert heading
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write(named.replace('["acme"]', '["acme", "bolt"]'))
    tables.cursor().execute("CREATE SCHEMA acme; CREATE SCHEMA bolt")
    migrate = [f"migrate --verbosity 0 --database {schema}" for schema in ("acme", "bolt")]
    project.models(BEFORE)
    project.run_each("makemigrations shop", *migrate)
    for schema in ("acme", "bolt"):
        tables.cursor().execute(f"INSERT INTO {schema}.shop_apikey (token) VALUES ('leaked')")
    project.models(ADOPTED)
    typed = [words.removeprefix("python manage.py ") for words in commands(TENANTS)]
    said = project.run_each("makemigrations shop", *migrate, *typed)
    assert "complete          yes" in said
    assert value(tables, "SELECT token FROM acme.shop_apikey") != "leaked"
    assert value(tables, "SELECT token FROM bolt.shop_apikey") == "leaked"


def test_the_page_removes_it_from_a_model_of_ones_own_and_tokens_stay(
    tmp_path: Path, database: str, tables: Any
) -> None:
    project = Project(tmp_path, database)
    project.models(BEFORE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    tables.cursor().execute("INSERT INTO shop_apikey (token) VALUES ('leaked')")
    project.models(ADOPTED)
    project.run_each("makemigrations shop", "migrate --verbosity 0", "rotate_tokens")
    rotated = value(tables, TOKEN)

    project.models(BEFORE)
    typed = [words.removeprefix("python manage.py ") for words in commands(REMOVE)]
    project.run_each(typed[0].replace("keys", "shop"), typed[1])
    assert value(tables, TOKEN) == rotated != "leaked"
    assert (value(tables, MARKERS), value(tables, TRIGGERS)) == (0, 0)

    uninstall = [words for words in typed if words.startswith("migrate token_rotation")]
    project.run_each(*uninstall)
    assert value(tables, OURS) == 0
    for app in ("token_rotation", "token_rotation.operations"):
        project.without(app)
    project.run_each("migrate", "makemigrations --check", "check")
