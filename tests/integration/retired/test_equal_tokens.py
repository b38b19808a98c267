"""Where retired tokens are kept, equal tokens have equal hashes, and writes of one token queue."""

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core.checks import Error
from django.core.management import CommandError, call_command
from django.db import NotSupportedError, connection
from pytest_django.plugin import DjangoDbBlocker

from tests.support.wished import rotate_behind, wishing_models
from token_rotation.checks.database import check_targets
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.reporting.report import make_report
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

LEAKED = "leaked-to-somebody"
LOOSE = (
    "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
)
DEFERRED = (
    "ALTER TABLE wishes_link ADD CONSTRAINT at_commit UNIQUE (slug) DEFERRABLE INITIALLY DEFERRED"
)


@pytest.fixture
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


@pytest.fixture
def link(wishes: Any) -> Target:
    (target,) = find_targets("default", ["wishes.Link"])
    return target


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def answers(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


def retype(model: Any, column: str, type_: str) -> None:
    """Change a guarded column, as somebody does who takes the guard off for it."""
    table = model._meta.db_table
    names = answers(
        f"SELECT tgname FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal"
    )
    for_like = answers(f"SELECT indexname FROM pg_indexes WHERE indexdef ~ '{table} .*pattern_ops'")
    execute(
        *(f'DROP INDEX "{name}"' for name in for_like),  # no such type has it
        *(f'DROP TRIGGER "{name}" ON {table}' for name in names),
        f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT",
        f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {type_}",
    )
    for trigger in model._meta.triggers:
        trigger.install(model)


@pytest.fixture
def loose_types() -> Iterator[None]:
    """Those that the server was built with, and a collation that only says so."""
    execute(
        'CREATE COLLATION said FROM "C"',
        "UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'said'",
    )
    with suppress(NotSupportedError):
        execute(LOOSE, "CREATE DOMAIN any_case_text AS text COLLATE any_case")
    if answers("SELECT name FROM pg_available_extensions WHERE name = 'citext'"):
        execute("CREATE EXTENSION citext", "CREATE DOMAIN ci_slug AS citext")
    yield
    execute(
        "DROP EXTENSION IF EXISTS citext CASCADE",
        "DROP DOMAIN IF EXISTS any_case_text CASCADE",
        "DROP COLLATION IF EXISTS any_case",
        "DROP COLLATION said CASCADE",
    )


def look(target: Target) -> GuardState:
    with reading(target.database) as session:
        return inspect(session, target)


def refused(target: Target, code: str) -> str:
    """The sentence of the only problem, which rotation, report and check all know."""
    state = look(target)
    (problem,) = state.problems
    assert (problem.code, state.holds) == (f"token_rotation.{code}", False)
    found = [each for each in check_targets(databases=["default"]) if isinstance(each, Error)]
    assert [each.id for each in found if each.msg.startswith(target.label)] == [problem.code]
    report = make_report(target, exact=False)
    assert (report.complete, report.next_command) == (False, problem.mend)
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_tokens", target.label, stdout=io.StringIO(), stderr=io.StringIO())
    return problem.sentence


def test_a_column_that_takes_other_texts_for_equal_is_refused(
    loose_types: None, wishes: Any, link: Target
) -> None:
    assert look(link).intact
    retype(wishes.Link, "slug", "text COLLATE said")
    assert "wishes_link.slug has the collation public.said, by which" in refused(link, "E061")
    (problem,) = look(link).problems
    uninstall, migrate, install, rotate = problem.mend.split(", then ")
    assert migrate.endswith('(db_collation="C")')
    call_command(*uninstall.partition("manage.py ")[2].split())
    execute('ALTER TABLE wishes_link ALTER COLUMN slug TYPE text COLLATE "C"')
    call_command(*install.partition("manage.py ")[2].split())
    assert rotate == "python manage.py rotate_tokens wishes.Link --issued-before now"
    assert look(link).intact


@pytest.mark.parametrize(
    ("type_", "named"),
    [
        ("text COLLATE any_case", "the collation public.any_case"),
        ("any_case_text", "the collation public.any_case"),
        ("citext", "the type citext"),
        ("ci_slug", "the type citext"),
    ],
)
def test_a_retired_token_in_another_case_is_why(
    loose_types: None, wishes: Any, link: Target, type_: str, named: str
) -> None:
    needed = {"text COLLATE any_case": "any_case_text"}.get(type_, type_)
    if answers(f"SELECT to_regtype('{needed}')") == [None]:
        pytest.skip("the server was built without it")
    retype(wishes.Link, "slug", type_)
    row = wishes.Link.objects.create(slug=LEAKED)
    rotate_behind(row, "slug", "slug_rotated_at")
    execute(f"INSERT INTO wishes_link (name, slug) VALUES ('', '{LEAKED.upper()}')")
    assert answers(f"SELECT count(*) FROM wishes_link WHERE slug = '{LEAKED}'") == [1]
    assert named in refused(link, "E061")


def test_retired_bytes_whose_text_a_session_may_write_in_another_way_are_why(
    loose_types: None, wishes: Any, link: Target
) -> None:
    retype(wishes.Link, "slug", "bytea USING slug::bytea")
    insert = "INSERT INTO wishes_link (name, slug) VALUES ('', 'leaked')"
    execute(
        insert,
        "UPDATE wishes_link SET slug = 'fresh', slug_rotated_at = clock_timestamp()",
        "SET bytea_output = 'escape'",
        insert,
        "RESET bytea_output",
    )
    assert answers("SELECT count(*) FROM wishes_link WHERE slug = 'leaked'") == [1]
    assert "the type bytea" in refused(link, "E061")


def test_where_no_retired_tokens_are_kept_it_may(loose_types: None, wishes: Any) -> None:
    (device,) = find_targets("default", ["wishes.Device"])
    retype(wishes.Device, "secret", "text COLLATE said")
    assert look(device).intact


def test_a_constraint_that_can_be_deferred_in_the_database_is_refused(
    wishes: Any, link: Target
) -> None:
    (name,) = answers(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = 'wishes_link'::regclass AND contype = 'u'"
    )
    execute(f'ALTER TABLE wishes_link DROP CONSTRAINT "{name}"', DEFERRED)
    assert "The unique constraint at_commit of wishes_link can be deferred" in refused(link, "E027")
    (problem,) = look(link).problems
    execute(problem.mend.partition(" in psql")[0])
    assert look(link).intact


@pytest.mark.parametrize("label", ["wishes.Pair.first", "wishes.Alias"])
def test_another_that_checks_each_row_at_once_is_enough(
    wishes: Any, link: Target, label: str
) -> None:
    execute(DEFERRED)
    assert look(link).intact
    (other,) = find_targets("default", [label])
    table, column = other.table, other.token_column
    execute(
        f"ALTER TABLE {table} ADD CONSTRAINT late UNIQUE ({column}) DEFERRABLE INITIALLY DEFERRED"
    )
    assert look(other).intact
