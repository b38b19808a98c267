"""Migrations that an earlier release wrote for an adopter still run, forwards and backwards.

A folder of tests/projects/stored_migrations is one release's. Nobody edits or rewrites it: what
it holds lies in other people's projects.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.manage import PROJECT
from tests.support.project import Project
from token_rotation import schema

RELEASES = sorted((PROJECT / "tests" / "projects" / "stored_migrations").iterdir())
# Their names stand in migrations, their errors in what a deploy catches. Names may be added.
FROZEN = {
    "AddFieldPolitely",
    "AddIndexConcurrentlyPolitely",
    "AddTriggerPolitely",
    "AlterFieldPolitely",
    "ChangeRefusedError",
    "CreateModelPolitely",
    "EnsureRotated",
    "LockNotGrantedError",
    "OnTableOf",
    "RemoveTriggerPolitely",
    "ReplaceTriggerPolitely",
    "RowsPendingError",
    "UnconditionalSql",
    "UnexpectedIndexError",
}
ERRORS = {name for name in FROZEN if name.endswith("Error")}
OTHERS = "django_rest_passwordreset_resetpasswordtoken"
LEAKED = f"""
INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email, is_staff,
    is_active, date_joined) VALUES ('ann', '', false, '', '', '', false, true, now());
INSERT INTO {OTHERS} (created_at, key, user_id, user_agent)
SELECT now(), 'leaked' || n, (SELECT id FROM auth_user), '' FROM generate_series(1, 20) AS n;
INSERT INTO shop_link (token) SELECT gen_random_uuid() FROM generate_series(1, 20);
INSERT INTO shop_key (id, secret)
SELECT gen_random_uuid(), 'tk_leaked' || n FROM generate_series(1, 20) AS n;
CREATE TABLE leaked AS SELECT token::text FROM shop_link
UNION ALL SELECT secret FROM shop_key UNION ALL SELECT key FROM {OTHERS};
"""
TOKENS = f"""
SELECT token::text FROM shop_link UNION ALL SELECT secret FROM shop_key
UNION ALL SELECT key FROM {OTHERS}
"""
STILL_VALID = f"SELECT count(*) FROM leaked WHERE token IN ({TOKENS})"
TRACES = """
SELECT count(*) FROM (
    SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND tgname ~ '(guard|keep)_' AND relname !~ '^token_rotation'
    UNION ALL SELECT indexrelid::regclass::text FROM pg_index
    WHERE indexrelid::regclass::text LIKE '%pending'
    UNION ALL SELECT table_name FROM information_schema.columns
    WHERE column_name ~ '^(token|secret|key)_rotated_at$'
) AS trace
"""


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def project(tmp_path: Path, database: str, release: Path) -> Project:
    apps = ("rest_framework", "django_rest_passwordreset")
    project = Project(tmp_path, database, apps=apps)
    shutil.copytree(release / "shop", tmp_path / "shop", dirs_exist_ok=True)
    return project


def test_stored_migrations_adopt_leaked_tokens_and_can_all_be_undone(
    project: Project, database: str, connect: Callable[[str], Any]
) -> None:
    tables = connect(database)
    last = list(project.written())[-2][:4]  # the one after it waits for the rotation
    others = ("auth", "django_rest_passwordreset")
    project.run_each(*(f"migrate --verbosity 0 {app}" for app in others), "migrate -v 0 shop 0001")
    with tables.cursor() as cursor:
        cursor.execute(LEAKED)

    project.run("migrate", "--verbosity", "0", "shop", last)
    assert "rotate_tokens" in project.run("migrate", "--verbosity", "0", fails_with=1)
    said = project.run_each(
        "rotate_tokens",
        "migrate --verbosity 0",
        # A release may write other triggers than an earlier one: a project that upgrades.
        "makemigrations --no-input",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
    )
    assert "System check identified no issues" in said
    assert value(tables, STILL_VALID) == 0
    retired = "SELECT count(*) FROM token_rotation_retiredtoken WHERE source = 'shop_link.token'"
    assert value(tables, retired) == 20
    with tables.cursor() as cursor:
        cursor.execute("UPDATE shop_key SET secret = 'tk_leaked1'")
        cursor.execute("INSERT INTO shop_key (id, secret) VALUES (gen_random_uuid(), 'tk_leaked2')")
    assert value(tables, STILL_VALID) == 0

    project.run_each("migrate --verbosity 0 shop 0001")
    assert value(tables, "SELECT count(*) FROM shop_key") == 21
    assert value(tables, TRACES) == 0
    project.run_each(
        "migrate --verbosity 0 shop zero",
        f"migrate --verbosity 0 shop {last}",
        "rotate_tokens",  # the other app's rows are still there
        "migrate --verbosity 0",
    )


def test_stored_migrations_name_what_the_library_has_frozen_and_nothing_else_of_it(
    release: Path,
) -> None:
    files = (release / "shop" / "migrations").glob("0*.py")
    text = "".join(path.read_text() for path in files)
    by_hand = re.findall(r"^from (token_rotation\S*) import (.*)$", text, re.MULTILINE)
    named = {f"{module}.{name}" for module, names in by_hand for name in names.split(", ")}
    written = set(re.findall(r"(token_rotation(?:\.\w+)+)\(", text))
    assert named | written <= {f"token_rotation.schema.{name}" for name in FROZEN}


def test_no_frozen_name_is_taken_away() -> None:
    assert set(schema.__all__) >= FROZEN
    for name in FROZEN - ERRORS:
        # makemigrations writes a class as its module and name, and both are to be these.
        assert getattr(schema, name).__module__ == "token_rotation.schema"


def test_together_the_stored_migrations_use_every_frozen_operation() -> None:
    text = "".join(
        path.read_text() for path in (PROJECT / "tests/projects/stored_migrations").rglob("0*.py")
    )
    assert {name for name in FROZEN - ERRORS if f"{name}(" not in text} == set()
