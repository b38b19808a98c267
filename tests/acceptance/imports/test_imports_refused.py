"""import_tickets where the database refuses a line, or everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory, unique_name
from tests.support.impatient_imports import import_impatiently
from tests.support.imported import HEADER, last_operation, stored
from tests.support.leaked import value
from tests.support.manage import Manage
from tests.support.replication import replicated_server
from tests.support.waiting import until

Connect = Callable[[str], Any]

SECRET = "poison"

RAISES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.body LIKE '%poison%' THEN {} END IF; RETURN NEW; END $$;
CREATE {} TRIGGER refuse {} INSERT ON tickets_message {} FOR EACH ROW EXECUTE FUNCTION refuse()
"""
QUOTES_IT = "RAISE 'no such text: %', NEW.body;"
REFUSALS = {
    "a check": "ALTER TABLE tickets_message ADD CHECK (body NOT LIKE '%poison%')",
    "a type": "DROP TRIGGER pgtrigger_shadow_update_search_filled_at_b20dc ON tickets_message;"
    "ALTER TABLE tickets_message ALTER body TYPE varchar(18)",
    "a unique index": "CREATE UNIQUE INDEX ON tickets_message ((body LIKE '%poison%'))"
    " WHERE body LIKE '%poison%'; INSERT INTO tickets_ticket (subject, status, created_at)"
    " VALUES ('s', 'open', now()); INSERT INTO tickets_message (ticket_id, body, version)"
    " SELECT id, 'poison', 1 FROM tickets_ticket",
    "a trigger": RAISES.format(QUOTES_IT, "", "BEFORE", ""),
    "a trigger with a code of its own": RAISES.format(
        "RAISE 'no: %', NEW.body USING ERRCODE = 'MY001';", "", "BEFORE", ""
    ),
    "a trigger with the code of a read-only server": RAISES.format(
        "RAISE 'no: %', NEW.body USING ERRCODE = '25006';", "", "BEFORE", ""
    ),
    "a trigger at COMMIT": RAISES.format(
        QUOTES_IT, "CONSTRAINT", "AFTER", "DEFERRABLE INITIALLY DEFERRED"
    ),
    "a trigger that leaves it out": RAISES.format("RETURN NULL;", "", "BEFORE", ""),
}
ENDS_ITS_SESSION = "PERFORM pg_terminate_backend(pg_backend_pid());"
MAY_PASS = {
    **{
        f"a trigger that raises {code}": (
            RAISES.format(f"RAISE 'no: %', NEW.body USING ERRCODE = '{code}';", "", "BEFORE", ""),
            f"({code}): function refuse line",
        )
        for code in ("55P03", "40001", "40P01", "57014", "53100", "57P03")
    },
    "a trigger that raises 40001 at COMMIT": (
        RAISES.format(
            "RAISE 'no' USING ERRCODE = '40001';",
            *("CONSTRAINT", "AFTER", "DEFERRABLE INITIALLY DEFERRED"),
        ),
        "(40001): function refuse line",
    ),
    "a trigger that ends the session": (
        RAISES.format(ENDS_ITS_SESSION, "", "BEFORE", ""),
        "3 connections were lost at it (",
    ),
    "a trigger that ends the session at COMMIT": (
        RAISES.format(ENDS_ITS_SESSION, "CONSTRAINT", "AFTER", "DEFERRABLE INITIALLY DEFERRED"),
        "3 connections were lost at it (",
    ),
    "a trigger that sleeps": (
        RAISES.format("PERFORM pg_sleep(600);", "", "BEFORE", ""),
        "its statement did not end in 3 s",
    ),
    "a trigger too slow for transaction_timeout": (
        RAISES.format("PERFORM pg_sleep(600);", "", "BEFORE", "")
        + "; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET transaction_timeout = %L',"
        " current_database(), '2s'); END $$",
        "transaction_timeout is 2s",
    ),
    "a trigger too slow for the role": (
        RAISES.format("PERFORM pg_sleep(600);", "", "BEFORE", "")
        + "; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = %L',"
        " current_database(), '1s'); END $$",
        "(57014)",
    ),
}
FOR_THE_RECORD = "GRANT ALL ON token_rotation_operation, token_rotation_operation_id_seq TO {0}"


def lines(*bodies: str) -> str:
    return "".join(f"r{n},Subject {n},{body}\n" for n, body in enumerate(bodies))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tickets.csv"


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_lines_that_the_database_refuses_are_named_and_the_others_imported(
    refusal: str, file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(refusal)
    bodies = [f"{SECRET} and much more of it" if n in (3, 17, 18) else "b" for n in range(40)]
    file.write_text(HEADER + lines(*bodies))

    result = manage("import_tickets", str(file), "--chunk-rows", "15", database_url=database_url)

    said = result.stderr.splitlines()
    assert result.returncode == 3, result.stderr
    assert [line.partition(":")[0] for line in said] == ["line 5", "line 19", "line 20"]
    assert all("the database refused it: " in line for line in said)
    assert SECRET not in result.stderr + result.stdout
    assert "Imported 37 tickets; 0 were there already, 3 bad lines." in result.stdout
    assert stored(tickets) == 37
    assert last_operation(tickets)["output_data"]["first_bad_lines"] == said


@pytest.mark.parametrize(("refusal", "reason"), MAY_PASS.values(), ids=MAY_PASS)
def test_a_line_with_an_error_that_might_have_passed_is_named_and_the_others_imported(
    refusal: str, reason: str, file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(refusal)
    file.write_text(HEADER + lines(*[SECRET if n == 7 else "b" for n in range(12)]))

    process = import_impatiently(manage, database_url, str(file))
    stdout, stderr = process.communicate(timeout=120)

    (line,) = [line for line in stderr.splitlines() if not line.startswith("waiting: ")]
    assert process.returncode == 3, stdout + stderr
    assert line.startswith("line 9: the database refused it: ")
    assert reason in line
    assert "Imported 11 tickets; 0 were there already, 1 bad lines." in stdout
    assert stored(tickets) == 11
    assert last_operation(tickets)["output_data"]["first_bad_lines"] == [line]


def test_when_one_line_after_another_has_such_an_error_the_import_ends(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(MAY_PASS["a trigger that ends the session"][0])
    file.write_text(HEADER + lines("b", *[SECRET] * 40))

    process = import_impatiently(manage, database_url, str(file), "--chunk-rows", "5")
    stdout, stderr = process.communicate(timeout=120)

    *named, last = stderr.splitlines()
    assert process.returncode == 1, stdout + stderr
    assert [line.partition(":")[0] for line in named] == [f"line {n}" for n in range(3, 13)]
    assert last.startswith("CommandError: the database refused 10 tickets, and took none between")
    assert "1 tickets were imported." in last
    assert stored(tickets) == 1


@pytest.mark.parametrize("after", ["", "bad\n"], ids=["nothing", "a bad line that is read first"])
def test_with_strict_nothing_after_the_line_that_was_refused_is_imported(
    after: str, file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(REFUSALS["a check"])
    file.write_text(HEADER + lines("b", "b", "b", SECRET, "b", "b", SECRET) + after)

    result = manage("import_tickets", str(file), "--strict", database_url=database_url)

    *read, line = result.stderr.splitlines()
    assert result.returncode == 3
    assert len(read) == (1 if after else 0)
    assert line.startswith("line 5: the database refused it: CheckViolation (23514)")
    assert stored(tickets) == 3


def test_when_every_line_is_refused_it_ends_soon_in_a_bounded_list(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    tickets = connect(database_url)
    tickets.cursor().execute(REFUSALS["a check"])
    file.write_text(HEADER + lines(*[SECRET] * 1_000))

    result = manage("import_tickets", str(file), database_url=database_url)

    *named, last = result.stderr.splitlines()
    assert result.returncode == 1
    assert len(named) == 200
    assert last.startswith("CommandError: the database refused each of the first 200 tickets")
    assert "Nothing was imported." in last
    assert len(last_operation(tickets)["output_data"]["first_bad_lines"]) == 100


def test_of_very_many_bad_lines_a_thousand_are_named(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + "bad\n" * 5_000 + lines("b"))

    result = manage("import_tickets", str(file), database_url=database_url)

    *named, last = result.stderr.splitlines()
    assert result.returncode == 3
    assert len(named) == 1_000
    assert last == "More lines are bad; they are counted, not named."
    assert "Imported 1 tickets; 0 were there already, 5,000 bad lines." in result.stdout
    assert stored(connect(database_url)) == 1


@pytest.fixture
def latin1_url(database_factory: DatabaseFactory, server_url: str, manage: Manage) -> Iterator[str]:
    """URL of a migrated database whose encoding is LATIN1."""
    name = unique_name("latin1")
    how = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    database_factory._execute(f"CREATE DATABASE {{}} {how}", name)
    url = database_factory._url(name)
    assert manage("migrate", database_url=url).returncode == 0
    yield url
    database_factory.drop(url)


def test_a_character_that_the_database_cannot_store_costs_its_line_only(
    tmp_path: Path, latin1_url: str, connect: Connect, manage: Manage
) -> None:
    file = tmp_path / "tickets-\N{WASTEBASKET}.csv"
    emoji = "a \N{WASTEBASKET}"
    file.write_text(HEADER + lines("b", emoji, "\N{LATIN SMALL LETTER U WITH DIAERESIS}", emoji))

    result = manage("import_tickets", str(file), database_url=latin1_url)

    refused = "the database refused it: UntranslatableCharacter (22P05)"
    assert result.returncode == 3, result.stderr
    assert result.stderr.splitlines() == [f"line 3: {refused}", f"line 5: {refused}"]
    assert stored(connect(latin1_url)) == 2


def refused(manage: Manage, file: Path, url: str) -> str:
    """The one line with which nothing is imported."""
    file.write_text(HEADER + lines("b"))
    result = manage("import_tickets", str(file), database_url=url)
    (line,) = result.stderr.splitlines()
    assert result.returncode == 1
    assert "Nothing was imported." in line
    return line


def test_a_server_that_is_read_only_is_one_line(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    connection = connect(database_url)
    name = value(connection, "SELECT current_database()")
    connection.cursor().execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    line = refused(manage, file, database_url)

    assert "this server is a standby or allows only reading (25006)" in line
    assert "The server is read-only: import on the primary." in line


def test_a_standby_is_one_line(file: Path, connect: Connect, manage: Manage) -> None:
    with replicated_server() as servers:
        assert manage("migrate", database_url=servers.primary.url()).returncode == 0
        connect(servers.primary.url()).cursor().execute("CREATE TABLE replayed ()")
        standby = connect(servers.standby.url())
        until(lambda: value(standby, "SELECT to_regclass('replayed')"))
        line = refused(manage, file, servers.standby.url())
        standby.close()

    assert "import on the primary" in line


@pytest.fixture
def role(database_url: str, connect: Connect) -> Iterator[Callable[[str], str]]:
    """role(GRANTS) returns the database's URL for a new role that has these privileges only."""
    name = unique_name("role")
    connection = connect(database_url)

    def make(grants: str) -> str:
        connection.cursor().execute(f"CREATE ROLE {name} LOGIN; {grants.format(name)}")
        return database_url.replace("://postgres@", f"://{name}@")

    yield make
    connection.cursor().execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    ("grants", "table"),
    [
        ("", "token_rotation_operation"),
        (
            FOR_THE_RECORD,
            "tickets_importedticket",
        ),
    ],
    ids=["none", "for the record only"],
)
def test_a_role_without_privileges_is_one_line(
    grants: str, table: str, file: Path, role: Callable[[str], str], manage: Manage
) -> None:
    line = refused(manage, file, role(grants))

    assert f"InsufficientPrivilege (42501): permission denied for table {table}" in line
    assert "Import as a role that may write these tables." in line


def test_an_import_that_was_refused_is_recorded_as_failed_even_if_it_may_not_be_counted(
    file: Path, database_url: str, role: Callable[[str], str], connect: Connect, manage: Manage
) -> None:
    refused(
        manage,
        file,
        role(FOR_THE_RECORD),
    )

    operation = last_operation(connect(database_url))
    assert (operation["status"], operation["result"]) == ("finished", "failed")
