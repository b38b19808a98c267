"""verify_tokens --through tries leaked tokens at the site as it is deployed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.leaked import leak, value
from tests.support.manage import Manage
from tests.support.web_server import WebServer

LEAKED = "SELECT string_agg(token::text, E'\\n') FROM leaked"
STORED = "SELECT string_agg(token::text, E'\\n') FROM tickets_ticket"
QUICKLY = ("--requests-per-second", "500")

Tried = Callable[..., CompletedProcess[str]]


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, 30)
    return connection


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[WebServer]:
    server = WebServer(tmp_path, database_url)
    yield server
    server.stop()


@pytest.fixture
def tried(
    manage: Manage, database_url: str, tickets: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> Tried:
    """tried(path, *options) asks the site, or a function, about every leaked token.

    No output holds one.
    """
    leaked = tmp_path / "leaked.txt"
    leaked.write_text(value(tickets, LEAKED))

    def run(path: str, *options: str) -> CompletedProcess[str]:
        through = path
        if path.startswith("/"):
            through = f"http://127.0.0.1:{request.getfixturevalue('server').port}{path}"
        done = manage(
            *("verify_tokens", str(leaked), "--through", through, *QUICKLY, *options),
            database_url=database_url,
        )
        for token in leaked.read_text().split():
            assert token[:13] not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def good(tickets: Any, tmp_path: Path) -> Path:
    """A list of the tokens that are stored when it is written."""
    return tmp_path / "good.txt"


def rotate(manage: Manage, database_url: str, tickets: Any, good: Path) -> None:
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    good.write_text(value(tickets, STORED))


def test_before_a_rotation_the_site_opens_and_afterwards_it_refuses_each(
    manage: Manage, database_url: str, tickets: Any, tried: Tried, good: Path, server: WebServer
) -> None:
    before = tried("/t/{token}/")
    assert before.returncode == 3, before.stderr
    assert "tried 30 of 30 leaked tokens: 0 refused, 30 open" in before.stdout
    rotate(manage, database_url, tickets, good)

    after = tried("/t/{token}/", "--known-good", str(good))
    assert after.returncode == 0, after.stdout + after.stderr
    assert "30 refused, 0 open, 0 without a clear answer." in after.stdout
    assert "No tried token opens anything." in after.stdout
    assert "--known-good" not in after.stdout
    some = tried("/t/{token}/", "--sample", "7", "--known-good", str(good))
    assert some.returncode == 0
    assert "tried 7 of 30 leaked tokens: 7 refused" in some.stdout
    # A control before and after each, and the good ones twice.
    assert server.stop() == 0
    assert server.logs().count('"GET /t/[token]/ ') == 30 + 30 + 7 + 3 * 2 + 5 * 4


def test_a_door_that_accepts_anything_is_told_no_leaked_token(
    tried: Tried, server: WebServer
) -> None:
    done = tried("/healthz?{token}")
    assert done.returncode == 1
    assert "The door cannot tell: it answered 200 to a random token." in done.stdout
    assert "tried 0 of 30" in done.stdout
    assert server.stop() == 0  # the log of a request is written after its answer
    assert server.logs().count("GET /healthz") == 1


def test_a_mistyped_url_is_not_known_to_refuse_and_what_to_type_is_said(tried: Tried) -> None:
    """Every leaked token is still valid."""
    done = tried("/tt/{token}/")
    assert done.returncode == 3
    assert "30 refused, 0 open" in done.stdout
    assert "No tried token opens anything" not in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "Not known: no valid token was tried, so perhaps the door opens to none, as at a mistyped "
        "URL. Nothing was changed. Run it again with --known-good FILE."
    )


def test_a_door_that_refuses_everything_proves_nothing(tried: Tried, good: Path) -> None:
    good.write_text("9f8e7d6c-5b4a-4321-8765-43210fedcba9\n")
    done = tried("/t/{token}/", "--known-good", str(good))
    assert done.returncode == 1
    assert "it answered 404 to a known good token" in done.stdout
    assert "tried 0 of 30" in done.stdout


def test_statuses_that_refuse_are_named_by_the_operator(tried: Tried) -> None:
    """A log-in page instead of an error: the answer to an unknown token is a redirect."""
    assert tried("/tickets/?from={token}").returncode == 1
    named = tried("/tickets/?from={token}", "--refused", "302,404")
    assert named.returncode == 3
    assert "30 refused" in named.stdout


def test_a_token_may_stand_in_a_header(tried: Tried) -> None:
    header = ("--header", "Authorization: Bearer {token}", "--header", "Accept: text/html")
    done = tried("/metrics", *header)
    assert done.returncode == 3, done.stdout
    assert "30 refused" in done.stdout


def test_a_function_of_the_project_is_a_door_too(
    manage: Manage, database_url: str, tickets: Any, tried: Tried, good: Path
) -> None:
    path = "tests.projects.doors.opens_a_ticket"
    assert tried(path).returncode == 3
    rotate(manage, database_url, tickets, good)
    after = tried(path, "--known-good", str(good), "--concurrency", "3")
    assert after.returncode == 0, after.stdout + after.stderr
    assert "30 refused" in after.stdout


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tests.projects.doors.fails", "it answered RuntimeError to a random token"),
        ("tests.projects.doors.ends", "it answered SystemExit to a random token"),
        ("tests.projects.doors.says_nothing", "it answered a NoneType to a random token"),
    ],
)
def test_a_function_without_an_answer_proves_nothing(tried: Tried, path: str, said: str) -> None:
    done = tried(path)
    assert done.returncode == 1
    assert said in done.stdout
    assert "no look-up of" not in done.stdout + done.stderr


def test_answers_that_tell_nothing_are_no_all_clear_and_end_it_early(tried: Tried) -> None:
    done = tried("tests.projects.doors.tires_of_asking", "--concurrency", "1")
    assert done.returncode == 1
    assert "0 open" in done.stdout
    assert "x 429" in done.stdout
    assert "were not tried" in done.stdout or "cannot tell" in done.stdout


def test_a_server_that_is_not_there_proves_nothing(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leaked = tmp_path / "leaked.txt"
    leaked.write_text(value(tickets, LEAKED))
    done = manage(
        *("verify_tokens", str(leaked), "--through", "http://127.0.0.1:1/{token}"),
        database_url=database_url,
    )
    assert done.returncode == 1
    assert "it answered ConnectionRefusedError to a random token" in done.stdout
