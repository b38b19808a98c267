"""manage.py check --database default names what is wrong, with ids, hints and the mend."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.leaked import leak
from tests.manage import Manage


def test_a_migrated_database_has_no_issues(manage: Manage, database_url: str) -> None:
    checked = manage("check", "--database", "default", database_url=database_url)
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
        checked = manage("check", "--database", "default", database_url=url)
        assert checked.returncode == 1
        assert f"rotation.{code}" in checked.stderr
        assert "HINT: Run: python manage.py migrate" in checked.stderr
        migrated = manage("migrate", *to_be_migrated, database_url=url)
        assert (migrated.returncode, migrated.stderr) == (0, "")


def test_a_disabled_trigger_is_named_with_the_command_that_enables_it(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    connect(database_url).cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    checked = manage("check", "--database", "default", database_url=database_url)
    assert checked.returncode == 1
    for name in ("guard_insert", "guard_update"):
        mend = f"pgtrigger enable tickets.Ticket:{name}"
        assert mend in checked.stderr
        manage(*mend.split(), database_url=database_url)
    assert manage("check", "--database", "default", database_url=database_url).returncode == 0


def test_an_invalid_index_is_named_with_the_command_that_mends_it(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'tickets_ticket_pending'::regclass"
    )
    for command in (("check", "--database", "default"), ("rotate_tokens",)):
        refused = manage(*command, database_url=database_url)
        assert refused.returncode == 1
        assert "tickets_ticket_pending" in refused.stderr
        assert 'REINDEX INDEX CONCURRENTLY "tickets_ticket_pending"' in refused.stderr
    tickets.cursor().execute('REINDEX INDEX CONCURRENTLY "tickets_ticket_pending"')
    assert manage("check", "--database", "default", database_url=database_url).returncode == 0


def test_a_connection_for_which_no_trigger_fires_is_refused(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    name = urlsplit(database_url).path.lstrip("/")
    tickets.cursor().execute(f'ALTER DATABASE "{name}" SET session_replication_role = replica')
    checked = manage("check", "--database", "default", database_url=database_url)
    assert checked.returncode == 1
    assert "rotation.E007" in checked.stderr
    assert manage("rotate_tokens", database_url=database_url).returncode == 1


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
        checked = manage("check", "--database", "default", database_url=database_url)
        assert checked.returncode == 0
        assert "rotation.W001" in checked.stderr
        assert role in checked.stderr
        assert manage("rotate_tokens", database_url=database_url).returncode == 0
    finally:
        tickets.cursor().execute(f'DROP ROLE "{role}"')


def test_an_unreachable_database_is_one_message(manage: Manage) -> None:
    checked = manage("check", "--database", "default", database_url="postgres://x@127.0.0.1:1/x")
    assert checked.returncode == 1
    assert "Traceback" not in checked.stderr
