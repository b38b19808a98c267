"""A migrate killed with SIGKILL at any step can simply be run again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.held_table import hold_table, let_go, until_a_statement_waits
from tests.support.manage import Manage
from tests.support.migrated import unapplied
from tests.support.waiting import until

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
    "0010": "CREATE OR REPLACE FUNCTION",
    "0011": "CREATE OR REPLACE FUNCTION",
    "0012": "ALTER TABLE",
    "0013": "CREATE OR REPLACE FUNCTION",
}
OF_MESSAGES = "0014"
"""From here on, migrations change another table."""
HOLDS_OR_QUEUES = (
    "SELECT query LIKE 'INSERT%%' AND (state = 'idle in transaction' OR wait_event_type = 'Lock')"
    " FROM pg_stat_activity WHERE pid = %s"
)

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


def hold_table_after_the_next_step(holder: Any, recorder: Any, onlooker: Any) -> None:
    """Let the running migrate do one step, and hold the table from then on.

    It waits when it records the step, perhaps with its lock on the table: holder is next in line.
    """
    with recorder.cursor() as cursor, ThreadPoolExecutor(max_workers=1) as pool:
        cursor.execute("BEGIN; LOCK TABLE django_migrations IN SHARE MODE")
        until_a_statement_waits(onlooker, 'INSERT INTO "django_migrations"')
        held = pool.submit(hold_table, holder)
        until(lambda: value(onlooker, HOLDS_OR_QUEUES, holder.info.backend_pid))
        cursor.execute("ROLLBACK")
        held.result()


def assert_migrated(onlooker: Any) -> None:
    assert unapplied(onlooker) == set()
    assert index_is_valid(onlooker)
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tickets_ticket'::regclass"
    guards = f"{triggers} AND tgname LIKE 'pgtrigger_guard%%' AND tgenabled = 'O'"
    assert value(onlooker, guards) == 2


def index_is_valid(onlooker: Any) -> bool | None:
    """None when there is no such index."""
    valid: bool | None = value(
        onlooker, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", INDEX
    )
    return valid


def test_killed_while_it_waits_for_a_lock(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    """At each step in turn: the run after a kill does that step, and is killed at the next."""
    url = make_database("0001")
    holder, onlooker = connect(url), connect(url)
    assert (
        manage("migrate", "token_rotation_operations", database_url=url).returncode == 0
    )  # the last step needs it
    left = sorted(name for name in unapplied(onlooker) if name < OF_MESSAGES)
    assert [name[:4] for name in left] == list(STEPS)
    later = unapplied(onlooker) - set(left)
    hold_table(holder)
    kill_while_it_waits(manage, url, onlooker, "0002")
    for number, step in enumerate(left[1:], 1):
        let_go(holder)
        migrate = manage.start("migrate", "tickets", step, database_url=url)
        hold_table_after_the_next_step(holder, connect(url), onlooker)
        until_a_statement_waits(onlooker, STEPS[step[:4]])
        migrate.kill()
        migrate.communicate()
        assert unapplied(onlooker) == {*left[number:], *later}
    let_go(holder)
    assert manage("migrate", database_url=url).returncode == 0
    assert_migrated(onlooker)


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
    assert_migrated(onlooker)


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
    assert_migrated(onlooker)


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
    assert_migrated(onlooker)


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
