"""What a guard added to a table goes with it, beside the traffic, once no row is pending."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.authtoken import MODELS, PENDING, adopt, authtoken_project
from tests.support.held_table import until_a_statement_waits
from tests.support.leaked import value
from tests.support.project import Project, operations

Connect = Callable[[str], Any]
FORGET = "TOKEN_ROTATION_FORGET_PENDING_ROWS = True"
TABLE = "authtoken_token"
CATALOGUE = """
SELECT string_agg(line, chr(10) ORDER BY line) FROM (
    SELECT concat_ws(' ', column_name, data_type, column_default) FROM information_schema.columns
    WHERE table_name = %(table)s
    UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename = %(table)s
    UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = %(table)s::regclass
        AND NOT tgisinternal
    UNION ALL SELECT proname FROM pg_proc
        WHERE proname LIKE 'pgtrigger%%' AND prosrc LIKE '%%rotated_at%%'
) AS of_the_table (line)
"""


def catalogue(tables: Any, table: str = TABLE) -> str:
    with tables.cursor() as cursor:
        cursor.execute(CATALOGUE, {"table": table})
        (found,) = cursor.fetchone()
    return str(found)


@pytest.fixture
def project(tmp_path: Path, database: str, tables: Any) -> Project:
    """One with 30 leaked tokens that are keys, and a guard."""
    project = authtoken_project(tmp_path, database)
    adopt(project, tables, 30)
    return project


def add_setting(project: Project, text: str) -> None:
    with (project.directory / "settings.py").open("a") as settings:
        settings.write(f"{text}\n")


def let_go(project: Project) -> str:
    """Delete the proxy, and have the migrations written."""
    project.models("")
    return project.run_each("makemigrations shop", "makemigrations --check")


def test_a_deleted_proxy_takes_all_of_it_along_and_can_come_back(
    project: Project, tables: Any
) -> None:
    guarded = catalogue(tables)
    assert "key_rotated_at" in guarded
    assert guarded.count("hashtext") == 2
    assert guarded.count("pgtrigger_guard_insert_key") == 2  # the trigger and its function
    project.run("migrate", "shop", "zero", "--fake", "--verbosity", "0")
    project.run("migrate", "shop", "--fake", "--verbosity", "0")
    project.run("rotate_tokens")
    *_, last = project.written()
    let_go(project)
    project.run_each("migrate --verbosity 0", "check --database default --fail-level WARNING")
    bare = catalogue(tables)
    assert "rotated" not in bare
    assert "hashtext" not in bare
    assert "pgtrigger" not in bare

    project.models(MODELS)
    project.run("migrate", "shop", last, "--verbosity", "0")
    assert catalogue(tables) == guarded
    assert value(tables, PENDING) == 30  # nobody knows what came back meanwhile
    project.run_each("check --database default --fail-level WARNING", "rotate_tokens")


def test_while_rows_are_pending_the_guard_stays_until_the_user_says_so(
    project: Project, tables: Any
) -> None:
    guarded = catalogue(tables)
    *_, last = project.written()
    let_go(project)
    said = project.run("migrate", fails_with=1)
    assert "30 rows still have a token that may be leaked, and only key_rotated_at tells" in said
    assert catalogue(tables) == guarded
    project.models(MODELS)
    said = project.run("migrate", "shop", last, "--verbosity", "0")
    project.run_each(
        "check --database default --fail-level WARNING", "rotate_tokens --limit 10", fails_with=3
    )
    said = project.run("migrate", "shop", "zero", fails_with=1)
    assert "20 rows still have a token that may be leaked" in said
    project.run("migrate", "shop", last, "--verbosity", "0")
    assert catalogue(tables) == guarded

    project.models("")
    add_setting(project, FORGET)
    project.run("migrate", "--verbosity", "0")
    assert "rotated" not in catalogue(tables)


def test_rows_marked_while_it_waits_for_its_lock_keep_the_marker(
    project: Project, tables: Any, database: str, connect: Connect
) -> None:
    project.run("rotate_tokens")
    guarded = catalogue(tables)
    let_go(project)
    holder, onlooker = connect(database), connect(database)
    holder.cursor().execute(f"BEGIN; UPDATE {TABLE} SET key_rotated_at = NULL WHERE user_id = 1")
    migrate = project.start("-m", "django", "migrate")
    until_a_statement_waits(onlooker, "LOCK TABLE")
    holder.cursor().execute("COMMIT")
    _, errors = migrate.communicate(timeout=60)
    assert migrate.returncode == 1
    assert f"{TABLE}: new rows still have a token that may be leaked" in errors
    assert catalogue(tables) == guarded


HELD = f"BEGIN; UPDATE {TABLE} SET created = created WHERE user_id = 1"
TRAFFIC = f"SET statement_timeout = '5s'; UPDATE {TABLE} SET created = created WHERE user_id = 2"


def test_killed_at_the_marker_and_at_the_last_index_it_goes_on_and_traffic_waits_for_no_one(
    project: Project, tables: Any, database: str, connect: Connect
) -> None:
    project.run("rotate_tokens")
    *_, guarded = project.written()
    let_go(project)
    marker = list(project.written())[list(project.written()).index(guarded) + 2]
    holder, onlooker = connect(database), connect(database)
    for waits, step in (("LOCK TABLE", marker), ("DROP INDEX CONCURRENTLY", None)):
        holder.cursor().execute(HELD)
        migrate = project.start("-m", "django", "migrate")
        until_a_statement_waits(onlooker, waits)
        tables.cursor().execute(TRAFFIC)
        migrate.kill()
        migrate.communicate()
        holder.cursor().execute("COMMIT")
        project.run("migrate", "shop", *([step] if step else []), "--verbosity", "0")
    left = catalogue(tables)
    assert "hashtext" not in left
    assert "rotated" not in left


RENAMED = MODELS.replace("GuardedToken", "SecretToken")


def test_a_proxy_with_another_name_takes_the_column_over_in_one_transaction(
    project: Project, tables: Any
) -> None:
    project.run("rotate_tokens", "--limit", "10", fails_with=3)
    guarded = catalogue(tables)
    made = len(project.written())
    project.models(RENAMED)
    project.run_each("makemigrations shop", "makemigrations --check", "migrate --verbosity 0")
    before, together, after = list(project.written().values())[made:]
    assert operations(before) == ["CreateModel"]
    assert operations(together) == [
        *["TogetherPolitely", *["RemoveTriggerPolitely"] * 6, *["AddTriggerPolitely"] * 6]
    ]
    assert operations(after) == ["DeleteModel"]
    assert value(tables, PENDING) == 20
    assert len(catalogue(tables).splitlines()) == len(guarded.splitlines())
    project.run_each("check --database default --fail-level WARNING", "rotate_tokens")


ALONE = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("shop", "{last}")]
    operations = [{operations} migrations.DeleteModel("GuardedToken")]
"""


def test_what_an_earlier_release_left_behind_goes_with_the_next_migration(
    project: Project, tables: Any
) -> None:
    *_, last = project.written()
    names = "pgtrigger.migrations.RemoveTrigger('guardedtoken', '{}'),"
    triggers = ("guard_insert_key", "guard_update_key", "guard_sent_key")
    kept = ("guard_retired_key", "keep_retired_key", "keep_deleted_key")
    alone = "".join(names.format(name) for name in (*triggers, *kept))
    text = "import pgtrigger.migrations\n" + ALONE.format(last=last, operations=alone)
    (project.migrations / "0004_without.py").write_text(text)
    project.models("")
    project.run("migrate", "--verbosity", "0")
    assert "key_rotated_at" in catalogue(tables)
    project.run("makemigrations", "shop")
    assert "TOKEN_ROTATION_FORGET_PENDING_ROWS" in project.run("migrate", fails_with=1)
    add_setting(project, FORGET)
    project.run_each("migrate --verbosity 0", "makemigrations --check")
    assert "rotated" not in catalogue(tables)
    assert "hashtext" not in catalogue(tables)


OWN = """
from django.db.models.functions import Now
from token_rotation import PendingIndex, guard, hexadecimal, token_default

class Key(models.Model):
    owner = models.CharField(max_length=9)
    token = models.CharField(
        max_length=64, unique=True, null=True, db_default=token_default(hexadecimal())
    )
    token_rotated_at = models.DateTimeField(null=True, editable=False, db_default=Now())

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=hexadecimal())
"""
SILENCED = 'SILENCED_SYSTEM_CHECKS = ["token_rotation.E019"]'  # of the marker's default
WITHOUT = """
class Key(models.Model):
    owner = models.CharField(max_length=9)
    token = models.CharField(max_length=64, unique=True, null=True)
"""
ROWS = (
    "INSERT INTO shop_key (owner, token) SELECT n, CASE WHEN n > 10 THEN 'leaked' || n END "
    "FROM generate_series(1, 30) AS n"
)


def unguarded(tmp_path: Path, database: str, tables: Any) -> Project:
    """One with 30 rows of a model of its own."""
    project = Project(tmp_path, database)
    add_setting(project, SILENCED)
    project.models(WITHOUT)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    tables.cursor().execute(ROWS)
    return project


def test_a_models_own_guard_goes_politely_and_back_again_claims_no_rotation(
    tmp_path: Path, database: str, tables: Any
) -> None:
    project = unguarded(tmp_path, database, tables)
    bare = catalogue(tables, "shop_key")
    project.models(OWN)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    guarded = catalogue(tables, "shop_key")
    *_, last = project.written()
    project.models(WITHOUT)
    project.run("makemigrations", "shop")
    assert "20 rows still have a token" in project.run("migrate", fails_with=1)
    assert catalogue(tables, "shop_key") == guarded

    project.models(OWN)
    project.run_each(f"migrate --verbosity 0 shop {last}", "rotate_tokens")
    project.models(WITHOUT)
    project.run("migrate", "--verbosity", "0")
    assert catalogue(tables, "shop_key") == bare
    names = list(project.written())
    texts = [operations(text) for text in list(project.written().values())[names.index(last) + 1 :]]
    assert texts == [
        ["RemoveIndexConcurrentlyPolitely"],
        [
            *["TogetherPolitely", "RemoveTriggerPolitely", "RemoveTriggerPolitely"],
            *["RemoveMarkerPolitely", "AlterFieldPolitely"],
        ],
    ]

    project.models(OWN)
    project.run("migrate", "shop", last, "--verbosity", "0")
    assert catalogue(tables, "shop_key") == guarded
    marked = "SELECT count(*) FROM shop_key WHERE token_rotated_at IS NOT NULL"
    assert value(tables, marked) == 0


AUDITED = """
import pgtrigger

class Note(models.Model):
    text = models.TextField()

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
"""


def test_a_deleted_model_leaves_no_function(tmp_path: Path, database: str, tables: Any) -> None:
    project = Project(tmp_path, database)
    add_setting(project, SILENCED)
    project.models(OWN + AUDITED)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    functions = "SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%%rotated_at%%'"
    before = value(tables, functions)
    project.models("")
    project.run_each("makemigrations shop", "migrate --verbosity 0", "makemigrations --check")
    assert value(tables, functions) == before - 2
    project.run("migrate", "shop", "0001", "--verbosity", "0")
    assert value(tables, functions) == before


KEPT = OWN.replace("guard,", "guard, keep_retired,").replace(
    "triggers = guard(fresh_token=hexadecimal())",
    "triggers = [*guard(fresh_token=hexadecimal()), *keep_retired()]",
)
NOTE = """
class Note(models.Model):
    text = models.TextField()
"""
DEPENDS = "('token_rotation', '0002_retired_functions'),"


def test_uninstalling_takes_no_migration_of_the_project_back(
    tmp_path: Path, database: str, tables: Any, make_database: Callable[..., str]
) -> None:
    project = unguarded(tmp_path, database, tables)
    project.models(KEPT)
    project.run_each("makemigrations shop", "migrate --verbosity 0", "rotate_tokens")
    (path,) = (each for each in project.migrations.glob("0*.py") if DEPENDS in each.read_text())
    text = path.read_text()
    path.write_text(text.replace(DEPENDS, ""))
    said = project.run("migrate", "token_rotation", "zero", fails_with=1)
    assert "Triggers or defaults of shop_key still call functions of token_rotation" in said
    path.write_text(text)
    project.models(WITHOUT)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.models(WITHOUT + NOTE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    tables.cursor().execute("INSERT INTO shop_note (text) VALUES ('kept')")
    before = catalogue(tables, "shop_key")

    said = project.run("migrate", "token_rotation", "zero", fails_with=1)
    assert "would take back" in said
    assert "migrations of other apps with their tables" in said
    assert "docs/adopt/remove.md" in said
    assert value(tables, "SELECT text FROM shop_note") == "kept"

    for path in project.migrations.glob("0*.py"):  # as the page says
        path.write_text(path.read_text().replace(DEPENDS, ""))
    assert all("'token_rotation'" not in text for text in project.written().values())
    project.run_each(
        *("migrate token_rotation zero", "migrate token_rotation_operations zero"),
        "makemigrations --check",
    )
    project.without("token_rotation")
    project.without("token_rotation.operations")
    project.run("migrate", "--verbosity", "0")
    assert value(tables, "SELECT text FROM shop_note") == "kept"
    assert catalogue(tables, "shop_key") == before
    assert value(tables, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'token_rotation%%'") == 0

    anew = Project(tmp_path / "anew", make_database("zero"))
    for path in project.migrations.glob("0*.py"):
        (anew.migrations / path.name).write_text(path.read_text())
    anew.models(WITHOUT + NOTE)
    anew.without("token_rotation")
    anew.without("token_rotation.operations")
    anew.run_each("migrate --verbosity 0", "makemigrations --check")
