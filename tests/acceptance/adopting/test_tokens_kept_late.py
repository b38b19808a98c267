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
    assert "not all replaced tokens" in " ".join(report["guard"]["problems"])
    assert 'accept="sent"' in report["next_command"]

    declare(project, PLAIN)
    project.run_each("rotate_tokens --issued-before now", "rotate_tokens --report --exact")


def test_a_guard_over_an_empty_table_has_replaced_nothing(project: Project, tables: Any) -> None:
    tables.cursor().execute("TRUNCATE shop_key")
    declare(project, PLAIN)
    declare(project, CHOSEN)
    tables.cursor().execute(f"{ROWS} FROM generate_series(1, 3) AS n")
    project.run_each("check --database default", "rotate_tokens --issued-before now")


FAILING = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("shop", "{last}")]
    operations = [migrations.RunSQL("SELECT 1 / 0", "")]
"""
RENAMED = CHOSEN.replace("class Key", "class Secret")


def test_neither_a_migrate_that_failed_half_way_nor_a_new_name_of_the_model_hides_it(
    project: Project, tables: Any
) -> None:
    declare(project, PLAIN)
    project.run("shell", "--command", f"{SAVED}key.token = uuid.uuid4(); key.save()")
    tables.cursor().execute("UPDATE shop_key SET token_rotated_at = NULL")  # as is documented
    project.models(CHOSEN)
    project.run("makemigrations", "shop")
    *_, last = project.written()
    failing = project.migrations / "0009_failing.py"
    failing.write_text(FAILING.format(last=last))
    assert project.attempt("migrate").returncode == 1
    failing.unlink()
    project.run("migrate", "--verbosity", "0")
    assert "E026" in project.run("check", "--database", "default", fails_with=1)
    assert value(tables, "SELECT count(*) FROM token_rotation_operation") == 1

    project.models(RENAMED)
    project.run("makemigrations", "shop", answers="y\n")  # yes, it was renamed
    project.run("migrate", "--verbosity", "0")
    assert "E026" in project.run("check", "--database", "default", fails_with=1)


def test_a_table_may_get_another_name_in_the_step_that_begins_to_keep(
    project: Project, tables: Any
) -> None:
    declare(project, PLAIN)
    declare(project, CHOSEN + "        db_table = 'shop_secret'\n")
    project.run("makemigrations", "--check")
    assert "E026" in project.run("check", "--database", "default", fails_with=1)
    project.run("rotate_tokens", fails_with=3)
    assert value(tables, "SELECT count(*) FROM token_rotation_retiredtoken") == 3


def test_after_hashes_are_deleted_nothing_is_complete(project: Project, tables: Any) -> None:
    declare(project, CHOSEN)
    project.run_each("rotate_tokens", "prune_retired_tokens --older-than 1")
    project.run("rotate_tokens", "--report", "--exact")
    tables.cursor().execute("UPDATE token_rotation_retiredtoken SET retired_at = '2020-01-01'")
    project.run("prune_retired_tokens", "--older-than", "1")
    said = project.run("rotate_tokens", "--report", "--exact", fails_with=3)
    assert "not all replaced tokens of shop_key are kept" in said


def test_a_role_without_rights_on_the_hashes_is_told_both_of_them(
    project: Project, tables: Any
) -> None:
    declare(project, CHOSEN)
    role = f"limited_{tables.info.backend_pid}"
    tables.cursor().execute(f"CREATE ROLE {role}; GRANT SELECT, UPDATE ON shop_key TO {role}")
    tables.cursor().execute(f"GRANT {role} TO current_user")
    with (project.directory / "settings.py").open("a") as settings:
        settings.write(f'DATABASES["default"]["OPTIONS"] = {{"options": "-c role={role}"}}\n')
    done = project.attempt("rotate_tokens")
    tables.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert done.returncode == 1, done.stdout
    assert "GRANT SELECT, INSERT ON public.token_rotation_retiredtoken" in done.stderr
    assert value(tables, "SELECT count(*) FROM shop_key WHERE token_rotated_at IS NULL") == 3
