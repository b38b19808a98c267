"""Which server a command uses, and what it says when there is none."""

import shutil
import socket
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import psycopg2
import pytest

from tests.support.databases import make_server_directory
from tests.support.manage import Manage
from tickets.config.embedded.cluster import PostgresCluster

PASSWORD = "sEcret-pAssword"
COMMANDS = ["migrate", "showmigrations", "seed_tickets", "rotate_tokens", "check"]


def assert_one_clear_line(manage: Manage, *command: str, database_url: str) -> str:
    result = manage(*command, database_url=database_url)
    assert result.returncode == 1, result
    assert result.stderr.count("\n") == 1, result.stderr
    assert PASSWORD not in result.stdout + result.stderr
    return result.stderr


WRONG_URLS = [
    ("", "set but empty"),
    ("nonsense", "does not name a PostgreSQL server"),
    (f"mysql://user:{PASSWORD}@localhost/tickets", "does not name a PostgreSQL server"),
    (f"postgres://user:{PASSWORD}@localhost:port/tickets", "malformed"),
    (f"postgres://user:{PASSWORD}@[::1/tickets", "malformed"),
    (f"postgres://user:{PASSWORD}@localhost/tick%00ets", "malformed"),
    (f"postgres://user:{PASSWORD}@localhost/", "names no database"),
]


# Each URL and each command; what a URL is worth does not depend on the command.
@pytest.mark.parametrize(
    ("url", "says", "command"),
    [(*wrong, command) for wrong, command in zip(WRONG_URLS, cycle(COMMANDS), strict=False)],
)
def test_a_wrong_database_url_is_one_line_without_the_password(
    manage: Manage, command: str, url: str, says: str
) -> None:
    line = assert_one_clear_line(manage, command, database_url=url)
    assert says in line
    assert "postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in line


@pytest.mark.parametrize("command", ["migrate", "showmigrations", "seed_tickets", "rotate_tokens"])
def test_an_unreachable_server_is_one_line(manage: Manage, command: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: every connection is refused
        url = f"postgres://user:{PASSWORD}@127.0.0.1:{unused.getsockname()[1]}/tickets"
        assert "refused" in assert_one_clear_line(manage, command, database_url=url)


def test_an_unknown_host_is_one_line(manage: Manage) -> None:
    url = f"postgres://user:{PASSWORD}@host.invalid/tickets"
    assert "host.invalid" in assert_one_clear_line(manage, "migrate", database_url=url)


def test_a_database_that_does_not_exist_is_one_line(
    password_server: PostgresCluster, manage: Manage
) -> None:
    url = f"postgres://postgres:{PASSWORD}@127.0.0.1:{password_server.port}/missing"
    line = assert_one_clear_line(manage, "migrate", database_url=url)
    assert 'database "missing" does not exist' in line


def test_a_wrong_password_is_one_line(password_server: PostgresCluster, manage: Manage) -> None:
    url = f"postgres://postgres:{PASSWORD}-not@127.0.0.1:{password_server.port}/postgres"
    line = assert_one_clear_line(manage, "migrate", database_url=url)
    assert "password authentication failed" in line


def test_a_traceback_is_shown_on_request(manage: Manage) -> None:
    url = f"postgres://user:{PASSWORD}@localhost/"
    result = manage("migrate", "--traceback", database_url=url, traceback_expected=True)
    assert "Traceback" in result.stderr
    assert PASSWORD not in result.stderr


def test_a_database_url_starts_no_embedded_server(
    database_url: str, manage: Manage, tmp_path: Path
) -> None:
    result = manage(
        "showmigrations", database_url=database_url, env={"TICKETS_VAR_DIR": str(tmp_path)}
    )
    assert result.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TICKETS_VAR_DIR", "", "TICKETS_VAR_DIR is set but empty"),
        ("TICKETS_VAR_DIR", "/nowhere/a$b", "PostgreSQL cannot run in '/nowhere/a$b/postgres'"),
        ("DATABASE_DISABLE_SERVER_SIDE_CURSORS", "perhaps", "Not a valid boolean"),
    ],
)
def test_a_wrong_variable_is_one_line(manage: Manage, variable: str, value: str, says: str) -> None:
    result = manage("migrate", database_url=None, env={variable: value})
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1, result.stderr
    assert says in result.stderr


@pytest.fixture(scope="module")
def password_server() -> Iterator[PostgresCluster]:
    """A server on a TCP port whose user postgres has PASSWORD."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = make_server_directory()
    cluster = PostgresCluster(directory, listen_port=port, settings={"fsync": "off"})
    cluster.initialize()
    (cluster.data_directory / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    cluster.start()
    connection = psycopg2.connect(cluster.url())
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER USER postgres PASSWORD %s", [PASSWORD])
    connection.close()
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(directory)
