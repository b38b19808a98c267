"""Commands on a server that takes no writes say so; none calls it out of reach."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg2
import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import value
from tests.support.manage import Manage
from tests.support.replication import replicated_server
from tests.support.waiting import until

TAKES_NO_WRITES = "this server is a standby or allows only reading (25006)"
ASK_THE_PRIMARY = "Nothing was changed. Run the same command on the primary"


class Servers(NamedTuple):
    """URLs of one database with leaked and retired tokens, and the files that commands read."""

    standby: str
    only_reading: str
    listed: str
    evidence: str


@pytest.fixture(scope="module")
def servers(manage: Manage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("standby")
    listed, evidence = directory / "listed", directory / "evidence.json"
    with replicated_server() as replicated:
        url = DatabaseFactory(replicated.primary.url(), manage).create("latest")
        database = urlsplit(url).path
        standby = replicated.standby.url().replace("/postgres?", f"{database}?", 1)
        with_evidence = ("rotate_tokens", "--evidence", str(evidence))
        for done in manage.each(("seed_tickets", "--size", "20"), with_evidence, database_url=url):
            assert done.returncode == 0, done.stderr
        connection = psycopg2.connect(url)
        connection.autocommit = True
        listed.write_text(value(connection, "SELECT min(token::text) FROM tickets_ticket"))
        reads = "ALTER ROLE reads SET default_transaction_read_only = on"
        connection.cursor().execute(f"CREATE ROLE reads SUPERUSER LOGIN; {reads}")
        _wait_for(standby, value(connection, "SELECT pg_current_wal_lsn()"))
        connection.close()
        only_reading = url.replace("postgres@", "reads@", 1)
        yield Servers(standby, only_reading, str(listed), str(evidence))


def _wait_for(standby: str, position: str) -> None:
    connection = psycopg2.connect(standby)
    connection.autocommit = True
    replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    until(lambda: bool(value(connection, replayed, position)))
    connection.close()


def refused(said: str) -> str:
    """What stands on stderr: this and nothing else."""
    return f"CommandError: {TAKES_NO_WRITES}{said}\n"


@pytest.mark.parametrize("which", ["standby", "only_reading"])
def test_what_needs_to_write_is_refused_in_one_line_that_names_the_primary(
    manage: Manage, servers: Servers, which: str
) -> None:
    url: str = getattr(servers, which)
    rotation = ("rotate_tokens", "--issued-before", "now", "--retry-seconds", "0.1")
    *lists, stop, rotated = manage.each(
        ("verify_tokens", servers.listed),
        ("verify_tokens", "--everywhere", servers.listed),
        ("rotate_tokens", "--dry-run", "--only", servers.listed),
        ("rotate_tokens", "--only", servers.listed),
        ("rotate_tokens", "--stop"),
        rotation,
        database_url=url,
    )
    for done in lists:
        assert done.returncode == 1
        assert done.stderr == refused(
            f", so that not even a temporary table can be written. {ASK_THE_PRIMARY}"
        )
    assert (stop.returncode, rotated.returncode) == (1, 1)
    assert f"cannot be changed: {TAKES_NO_WRITES}. Nothing was stopped" in stop.stderr
    unrecorded, line = rotated.stderr.splitlines()
    assert unrecorded == (
        f"This run leaves no record yet, and --stop cannot reach it: {TAKES_NO_WRITES}. "
        "It keeps trying to write one."
    )
    assert f"of retries: {TAKES_NO_WRITES}. The 0 rows rotated by this run are safe" in line


@pytest.mark.parametrize("which", ["standby", "only_reading"])
def test_what_only_reads_answers_and_never_says_complete(
    manage: Manage, servers: Servers, which: str
) -> None:
    report, dry_run, compared, clean_up, prune, nobody_listens = manage.each(
        ("rotate_tokens", "--report"),
        ("rotate_tokens", "--dry-run"),
        ("verify_evidence", servers.evidence),
        ("clean_up_tokens",),
        ("prune_retired_tokens", "--older-than", "1"),
        ("replay_rotated_tokens", "--since", "1 h ago"),
        database_url=getattr(servers, which),
    )
    kind = "is a standby" if which == "standby" else "allows only reading"
    assert report.returncode == 3
    assert f"not verified: this server {kind}" in report.stdout
    assert dry_run.returncode == 3
    assert "ask the primary" in dry_run.stdout
    assert compared.returncode == 3
    assert "this server is a standby or allows only reading: ask the primary." in compared.stdout
    assert clean_up.returncode == 0
    if which == "standby":  # a role that may only read by default may vacuum all the same
        assert f"Skipped: {TAKES_NO_WRITES}" in clean_up.stdout
    assert (prune.returncode, prune.stderr) == (0, "")
    assert nobody_listens.returncode == 1
    assert "Nobody listens" in nobody_listens.stderr
    for done in (report, dry_run, compared, clean_up, prune, nobody_listens):
        assert "cannot reach" not in done.stdout + done.stderr


def test_a_command_of_djangos_says_so_in_one_line(manage: Manage, servers: Servers) -> None:
    done = manage("clearsessions", database_url=servers.standby)
    assert done.returncode == 1
    assert done.stderr == f"manage.py: {TAKES_NO_WRITES}. Nothing was changed\n"


def test_an_evidence_file_of_a_standby_does_not_say_complete(
    manage: Manage, servers: Servers, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence.json"
    command = ("rotate_tokens", "--report", "--evidence", str(evidence))
    done = manage(*command, database_url=servers.standby)
    assert done.returncode == 3, done.stderr
    assert '"complete": false' in evidence.read_text()
