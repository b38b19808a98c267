"""manage.py check --database default names what is wrong, with ids, hints and the mend."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.support.leaked import leak, pending
from tests.support.manage import Manage

CHECK = ("check", "--database", "default")
IN_PSQL = re.compile(r"in psql: (.*?)(?:; every row is pending then)?\)$", re.MULTILINE)
INSTALL = re.compile(r"migrate: python manage.py (pgtrigger install \S+)\)\. Then, ")


def test_a_migrated_database_has_no_issues(manage: Manage, database_url: str) -> None:
    checked = manage(*CHECK, database_url=database_url)
    assert checked.returncode == 0
    assert "no issues" in checked.stdout


def test_a_database_half_way_through_the_migrations_is_told_to_migrate(
    manage: Manage, make_database: Callable[..., str]
) -> None:
    url = make_database(migrated_to="zero")
    for code, to_be_migrated in (
        ("E001", ["tickets", "0001"]),
        ("E002", ["tickets", "0003"]),
        ("E003", ["tickets", "0006"]),
        ("E005", []),
    ):
        checked, migrated = manage.each(CHECK, ("migrate", *to_be_migrated), database_url=url)
        assert checked.returncode == 1
        assert f"token_rotation.{code}" in checked.stderr
        assert "HINT: Run: python manage.py migrate" in checked.stderr
        assert (migrated.returncode, migrated.stderr) == (0, "")


def test_what_was_dropped_by_hand_is_had_again_by_typing_what_the_hints_say(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    cursor = tickets.cursor()
    leak(tickets, 10)
    cursor.execute("ALTER TABLE tickets_ticket DROP COLUMN token_rotated_at CASCADE")
    cursor.execute(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = 'tickets_ticket'::regclass AND contype = 'u'"
    )
    (unique,) = (name for (name,) in cursor.fetchall())
    cursor.execute(f'ALTER TABLE tickets_ticket DROP CONSTRAINT "{unique}"')
    said: set[str] = set()
    while (checked := manage(*CHECK, database_url=database_url)).returncode:
        codes = set(re.findall(r"rotation\.(E\d+)", checked.stderr))
        assert not codes & said, checked.stderr
        said |= codes
        for statement in IN_PSQL.findall(checked.stderr):
            cursor.execute(statement)
        for install in INSTALL.findall(checked.stderr):
            assert manage(*install.split(), database_url=database_url).returncode == 0
    assert said == {"E002", "E003", "E005"}
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert pending(tickets) == 0


def test_a_disabled_trigger_is_named_with_the_command_that_enables_it(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    connect(database_url).cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    mends = [f"pgtrigger enable tickets.Ticket:guard_{which}" for which in ("insert", "update")]
    checked, *_, mended = manage.each(
        *(CHECK, *(mend.split() for mend in mends), CHECK), database_url=database_url
    )
    assert checked.returncode == 1
    for mend in mends:
        assert mend in checked.stderr
    assert mended.returncode == 0


def test_an_invalid_index_is_named_with_the_command_that_mends_it(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'tickets_ticket_pending'::regclass"
    )
    for refused in manage.each(CHECK, ("rotate_tokens",), database_url=database_url):
        assert refused.returncode == 1
        assert "tickets_ticket_pending" in refused.stderr
        assert 'REINDEX INDEX CONCURRENTLY "tickets_ticket_pending"' in refused.stderr
    tickets.cursor().execute('REINDEX INDEX CONCURRENTLY "tickets_ticket_pending"')
    assert manage(*CHECK, database_url=database_url).returncode == 0


def test_a_connection_for_which_no_trigger_fires_is_refused(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    name = urlsplit(database_url).path.lstrip("/")
    tickets.cursor().execute(f'ALTER DATABASE "{name}" SET session_replication_role = replica')
    checked, refused = manage.each(CHECK, ("rotate_tokens",), database_url=database_url)
    assert (checked.returncode, refused.returncode) == (1, 1)
    assert "token_rotation.E007" in checked.stderr


def test_a_role_that_writes_past_the_guard_is_a_warning(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    name = urlsplit(database_url).path.lstrip("/")
    role = f"loader_{name}"
    tickets.cursor().execute(
        f'CREATE ROLE "{role}"; '
        f'ALTER ROLE "{role}" IN DATABASE "{name}" SET session_replication_role = replica'
    )
    try:
        checked, rotated = manage.each(CHECK, ("rotate_tokens",), database_url=database_url)
        assert (checked.returncode, rotated.returncode) == (0, 0)
        assert "token_rotation.W001" in checked.stderr
        assert role in checked.stderr
    finally:
        tickets.cursor().execute(f'DROP ROLE "{role}"')


def test_an_unreachable_database_is_one_message(manage: Manage) -> None:
    checked = manage(*CHECK, database_url="postgres://x@127.0.0.1:1/x")
    assert checked.returncode == 1
    assert "Traceback" not in checked.stderr
