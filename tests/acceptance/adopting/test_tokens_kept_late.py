"""Tokens that were replaced before a table kept them: no report says that none can come back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project

DECLARED = """
from django.contrib.postgres.functions import RandomUUID
from token_rotation import PendingIndex, RotatedAtField, guard, keep_retired
from token_rotation.models import RotatesToken

class Key(RotatesToken):
    owner = models.CharField(max_length=20, unique=True)
    token = models.UUIDField(unique=True, db_default=RandomUUID())
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = {triggers}
"""
UNGUARDED = """
class Key(models.Model):
    owner = models.CharField(max_length=20, unique=True)
    token = models.UUIDField(unique=True, default=uuid.uuid4)
"""
PLAIN = DECLARED.format(triggers="guard()")
CHOSEN = DECLARED.format(triggers="[*guard(accept='sent'), *keep_retired()]")
LEAKED = "00000000-0000-0000-0000-000000000001"
ROWS = "INSERT INTO shop_key (owner, token) SELECT 'owner ' || n, lpad(n::text, 32, '0')::uuid "
COMES_BACK = f"from shop.models import Key; print(Key.objects.create(token='{LEAKED}').token)"
SAVED = "import uuid; from shop.models import Key; key = Key.objects.get(pk=1); "


@pytest.fixture
def project(tmp_path: Path, database: str, tables: Any) -> Project:
    """One with three leaked tokens and no guard."""
    project = Project(tmp_path, database)
    project.models(UNGUARDED)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    tables.cursor().execute(f"{ROWS} FROM generate_series(1, 3) AS n")
    return project


def declare(project: Project, models: str) -> None:
    project.models(models)
    project.run_each("makemigrations shop", "migrate --verbosity 0")


def test_tokens_kept_from_the_start_can_be_proven_gone(project: Project) -> None:
    declare(project, CHOSEN)
    project.run_each("check --database default", "rotate_tokens", "rotate_tokens --report --exact")
    sent = project.attempt("shell", "--command", COMES_BACK)
    assert "the token that was sent is retired" in sent.stderr
    project.run("rotate_tokens", "--report", "--exact")


@pytest.mark.parametrize("replaced_by", ["a save", "a rotation"])
def test_where_the_guard_came_first_no_command_says_that_no_leaked_token_can_come_back(
    project: Project, tables: Any, replaced_by: str
) -> None:
    declare(project, PLAIN)
    if replaced_by == "a save":
        project.run("shell", "--command", f"{SAVED}key.token = uuid.uuid4(); key.save()")
    else:
        project.run("rotate_tokens")
    declare(project, CHOSEN)

    said = project.run("check", "--database", "default", fails_with=1)
    assert "E026" in said
    said = project.run("rotate_tokens", fails_with=3)
    assert "Nothing is pending, but the guard is not whole" in said
    assert value(tables, "SELECT count(*) FROM shop_key WHERE token_rotated_at IS NULL") == 0
    assert LEAKED in project.run("shell", "--command", COMES_BACK), "and so it is"

    report = json.loads(
        project.run("rotate_tokens", "--report", "--exact", "--format", "json", fails_with=3)
    )
    assert not report["complete"]
    assert (report["guard"]["ok"], report["guard"]["holds"]) == (True, False)
    assert "before they were kept" in " ".join(report["guard"]["problems"])
    assert 'accept="sent"' in report["next_command"]

    declare(project, PLAIN)
    project.run_each("rotate_tokens --issued-before now", "rotate_tokens --report --exact")


def test_a_guard_over_an_empty_table_has_replaced_nothing(project: Project, tables: Any) -> None:
    tables.cursor().execute("DELETE FROM shop_key")
    declare(project, PLAIN)
    declare(project, CHOSEN)
    tables.cursor().execute(ROWS + "FROM generate_series(1, 3) AS n")
    project.run_each("check --database default", "rotate_tokens --issued-before now")
