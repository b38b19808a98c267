"""A migrate killed with SIGKILL at any step can simply be run again."""

from collections.abc import Callable
from typing import Any

from tests.held_table import hold_table, let_go, until_a_statement_waits
from tests.manage import Manage

INDEX = "tickets_ticket_pending"
STEPS = {
    "0002": "ALTER TABLE",
    "0003": "CREATE OR REPLACE FUNCTION",
    "0004": "CREATE OR REPLACE FUNCTION",
    "0005": "ALTER TABLE",
    "0006": "ALTER TABLE",
    "0007": "CREATE INDEX CONCURRENTLY",
    "0008": "ALTER TABLE",
    "0009": "ALTER TABLE",
}

Connect = Callable[[str], Any]
MakeDatabase = Callable[..., str]


def value(connection: Any, query: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None


def kill_while_it_waits(manage: Manage, url: str, onlooker: Any, step: str) -> None:
    migrate = manage.start("migrate", "tickets", step, database_url=url)
    until_a_statement_waits(onlooker, STEPS[step])
    migrate.kill()
    migrate.communicate()


def assert_migrated(manage: Manage, url: str, onlooker: Any) -> None:
    assert manage("migrate", "--check", database_url=url).returncode == 0
    assert index_is_valid(onlooker)
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tickets_ticket'::regclass"
    assert value(onlooker, f"{triggers} AND tgname LIKE 'pgtrigger%%' AND tgenabled = 'O'") == 2


def index_is_valid(onlooker: Any) -> bool | None:
    """None when there is no such index."""
    valid: bool | None = value(
        onlooker, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", INDEX
    )
    return valid


def test_killed_while_it_waits_for_a_lock(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    """At each step in turn."""
    url = make_database("0001")
    holder, onlooker = connect(url), connect(url)
    for step in STEPS:
        hold_table(holder)
        kill_while_it_waits(manage, url, onlooker, step)
        let_go(holder)
        recorded = value(
            onlooker,
            "SELECT count(*) FROM django_migrations WHERE app = 'tickets' AND name LIKE %s",
            f"{step}%",
        )
        again = manage("migrate", "tickets", step, database_url=url)

        assert recorded == 0, step
        assert again.returncode == 0, (step, again.stderr)
    assert manage("migrate", database_url=url).returncode == 0  # other apps
    assert_migrated(manage, url, onlooker)


def test_an_index_left_invalid_is_rebuilt(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0006")
    holder, onlooker = connect(url), connect(url)
    hold_table(holder)

    kill_while_it_waits(manage, url, onlooker, "0007")
    # The server does not notice the death of a client that waits: end its session as well.
    value(
        onlooker,
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE query LIKE 'CREATE INDEX%%' AND datname = current_database()",
    )
    assert index_is_valid(onlooker) is False
    let_go(holder)
    again = manage("migrate", database_url=url)

    assert again.returncode == 0, again.stderr
    assert_migrated(manage, url, onlooker)


def test_an_index_that_the_killed_migrates_session_is_still_building_is_waited_for(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0006")
    holder, onlooker = connect(url), connect(url)
    hold_table(holder)

    kill_while_it_waits(manage, url, onlooker, "0007")
    oid = value(onlooker, "SELECT to_regclass(%s)::oid", INDEX)
    again = manage.start("migrate", database_url=url)
    assert again.stderr is not None
    line = again.stderr.readline()
    let_go(holder)
    _, errors = again.communicate(timeout=60)

    assert "is building it and waits for" in line
    assert again.returncode == 0, errors
    assert value(onlooker, "SELECT to_regclass(%s)::oid", INDEX) == oid
    assert_migrated(manage, url, onlooker)


def test_killed_between_the_index_and_its_record(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0007")
    onlooker = connect(url)
    with onlooker.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'tickets' AND name LIKE '0007%'")
    oid = value(onlooker, "SELECT to_regclass(%s)::oid", INDEX)

    again = manage("migrate", database_url=url)

    assert again.returncode == 0, again.stderr
    assert value(onlooker, "SELECT to_regclass(%s)::oid", INDEX) == oid
    assert_migrated(manage, url, onlooker)


def test_killed_while_it_goes_back_over_the_index(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0007")
    holder, onlooker = connect(url), connect(url)
    hold_table(holder)
    migrate = manage.start("migrate", "tickets", "0006", database_url=url)
    until_a_statement_waits(onlooker, "DROP INDEX CONCURRENTLY")
    migrate.kill()
    migrate.communicate()
    let_go(holder)

    again = manage("migrate", "tickets", "zero", database_url=url)

    assert again.returncode == 0, again.stderr
    assert value(onlooker, "SELECT to_regclass('tickets_ticket')") is None
