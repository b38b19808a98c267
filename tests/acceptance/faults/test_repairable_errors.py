"""What an operator can repair is one line in each command; other errors keep their traceback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.support.databases import unique_name
from tests.support.manage import Manage

UNREADABLE = "InsufficientPrivilege (42501): permission denied for table "
SAFE = "What it had not committed is rolled back"
ROLE = "refused it to the role {role}: "
OF_DJANGO = {
    "migrate": f"{ROLE}{UNREADABLE}django_migrations. {SAFE}. Grant that right, or connect as",
    "migrate --plan": f"{UNREADABLE}django_migrations",
    "showmigrations": f"{UNREADABLE}django_migrations",
    "sqlmigrate tickets 0001": f"{UNREADABLE}django_migrations",
    "createsuperuser --noinput --username x --email a@example.org": f"{UNREADABLE}django_migration",
    "changepassword x": f"{UNREADABLE}django_migrations",
    "clearsessions": f"{UNREADABLE}django_session",
    "remove_stale_contenttypes --noinput": f"{UNREADABLE}django_content_type",
    "pgtrigger install": "permission denied for schema public",
}
OURS = {
    "makemigrations --check": f"{UNREADABLE}django_migrations. No migration was written",
    "seed_tickets --size 5": f"{UNREADABLE}tickets_ticket. Seed as a role that may write",
    "seed_tickets --size 5 --reset": f"{UNREADABLE}tickets_ticket",
    "import_tickets {csv}": f"{UNREADABLE}token_rotation_operation. Import as a role",
    "rotate_tokens": "The role {role} may not read public.tickets_ticket",
    "rotate_tokens --report": "The role {role} may not read public.tickets_ticket",
    "rotate_tokens --dry-run": "The role {role} may not read public.tickets_ticket",
    "rotate_tokens --stop": f"{UNREADABLE}token_rotation_operation",
    "rotate_tokens --follow": f"{UNREADABLE}token_rotation_operation",
    "verify_tokens {listed}": f"{UNREADABLE}tickets_ticket",
    "clean_up_tokens": "The role {role} may not read public.tickets_ticket",
}


@pytest.fixture(scope="module")
def role(server_url: str) -> Iterator[str]:
    """A role without any right but to connect."""
    name = unique_name("role")
    server = psycopg2.connect(server_url)
    server.autocommit = True
    server.cursor().execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    server.cursor().execute(f'DROP ROLE "{name}"')
    server.close()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    listed, csv = tmp_path / "listed", tmp_path / "tickets.csv"
    listed.write_text("9f8e7d6c-5b4a-4321-8765-43210fedcba9\n")
    csv.write_text("reference,subject,body\nr1,Subject,Body\n")
    return {"listed": str(listed), "csv": str(csv)}


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@", 1)


def assert_one_line(done: Any, command: str, *words: str) -> None:
    assert done.returncode == 1, command
    said = [line for line in done.stderr.splitlines() if "INFO" not in line]
    lines = [line for line in said if not line.startswith("pgtrigger: ")]
    assert len(lines) == 1, done.stderr
    for each in words:
        assert each in lines[0], command


def test_a_role_without_rights_is_told_so_in_one_line_by_every_command(
    manage: Manage, database_url: str, role: str, files: dict[str, str]
) -> None:
    for expected in (OF_DJANGO, OURS):
        commands = [command.format(**files).split() for command in expected]
        results = manage.each(*commands, database_url=as_role(database_url, role))
        for done, (command, words) in zip(results, expected.items(), strict=True):
            assert_one_line(done, command, words.format(role=role))


def test_migrate_on_an_empty_database_names_the_right_that_is_missing(
    manage: Manage, make_database: Callable[..., str], connect: Callable[[str], Any], role: str
) -> None:
    url = make_database("zero")
    connect(url).cursor().execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    done = manage("migrate", database_url=as_role(url, role))
    assert_one_line(done, "migrate", "permission denied for schema public", SAFE)
    connect(url).cursor().execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    done = manage("migrate", database_url=as_role(url, role))
    assert_one_line(done, "migrate", "(3F000): it may use no schema of its search_path", SAFE)


def test_migrate_on_an_empty_database_that_takes_no_writes_says_so(
    manage: Manage, make_database: Callable[..., str]
) -> None:
    only_reading = f"{make_database('zero')}&options=-c%20default_transaction_read_only%3Don"
    done = manage("migrate", database_url=only_reading)
    assert_one_line(done, "migrate", "a standby or allows only reading (25006). Nothing was")


def test_a_table_that_is_missing_names_migrate(
    manage: Manage, make_database: Callable[..., str]
) -> None:
    for done in manage.each(
        ("clearsessions",), ("remove_stale_contenttypes",), database_url=make_database("zero")
    ):
        assert_one_line(done, "", "there is no table django_", "Run: python manage.py migrate")


def test_a_trigger_with_the_code_of_a_read_only_server_does_not_make_it_one(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    connect(database_url).cursor().execute(
        "CREATE FUNCTION frozen() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'frozen' USING ERRCODE = '25006'; END $$;"
        "CREATE TRIGGER frozen BEFORE INSERT ON tickets_ticket EXECUTE FUNCTION frozen();"
        "CREATE TRIGGER frozen BEFORE DELETE ON django_session EXECUTE FUNCTION frozen()"
    )
    seed = manage("seed_tickets", "--size", "5", database_url=database_url)
    words = "ReadOnlySqlTransaction (25006): function frozen line 1. 0 tickets were added"
    assert_one_line(seed, "seed_tickets", words)
    django = manage("clearsessions", database_url=database_url, traceback_expected=True)
    assert "Traceback" in django.stderr, "any error that a trigger raises keeps it"


@pytest.mark.parametrize("wrong", ["role", "database", "server"])
def test_what_cannot_be_reached_is_one_line_in_every_command(
    manage: Manage, database_url: str, files: dict[str, str], wrong: str
) -> None:
    url = {
        "role": as_role(database_url, "nobody_of_that_name"),
        "database": database_url.replace("/tickets_test_", "/no_", 1),
        "server": "postgres://nobody@127.0.0.1:1/nothing",
    }[wrong]
    # makemigrations warns and goes on, as Django's does.
    expected = {**OF_DJANGO, **OURS}
    del expected["makemigrations --check"]
    commands = [command.format(**files).split() for command in expected]
    for done, command in zip(manage.each(*commands, database_url=url), expected, strict=True):
        assert_one_line(done, command)


def test_an_error_of_the_programs_own_keeps_its_traceback(
    manage: Manage, database_url: str, role: str
) -> None:
    query = "from django.db import connection; connection.cursor().execute('{}')"
    for statement in ("SELECT * FROM no_such_table", "SELEC 1"):
        words = ("shell", "--no-imports", "-c", query.format(statement))
        done = manage(*words, database_url=database_url, traceback_expected=True)
        assert "Traceback" in done.stderr
    done = manage(
        *("migrate", "--traceback"),
        database_url=as_role(database_url, role),
        traceback_expected=True,
    )
    assert "Traceback" in done.stderr
