"""The application serves steady traffic through migrate, a deploy and the whole rotation."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import COPY_OF_LEAKED, pending, value
from tests.support.manage import PROJECT, Manage
from tests.support.web_server import WebServer, environment

ROWS = 50_000
GENTLY_ROWS = 5_000  # as it does by itself, and the others faster, which is harder on traffic
ROUGHLY = ("--workers", "2", "--traffic-budget-ms", "20")
CUSTOMERS, TICKETS_EACH, STALE_TICKETS = 4, 60, 40
# 80 requests/s: what is left of 2 cores beside a rotation can serve them.
INTERVAL_SECONDS = 0.05
PASSWORD = "only-for-this-test"
BEFORE = f"""
from django.core.management import call_command
from django.contrib.auth.models import User
call_command("migrate", "auth", verbosity=0)
call_command("migrate", "sessions", verbosity=0)
User.objects.create_superuser("clerk", "clerk@example.com", {PASSWORD!r})
call_command("seed_tickets", size={ROWS}, verbosity=0)
"""
OLD_CODE = {"DJANGO_SETTINGS_MODULE": "tests.projects.old_application.settings"}
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Program:
    """A Python program of the tests that takes orders on stdin and answers with lines."""

    def __init__(self, module: str, *args: str, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it ended with {self._process.wait()}"
        return line

    def end(self) -> Any:
        said, _ = self._process.communicate(timeout=60)  # closes stdin, which is the order
        assert self._process.returncode == 0
        return json.loads(said)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class Story:
    """The servers and programs of the test; whatever is left of them ends with it."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self._directory, self._database_url = directory, database_url
        self._servers: list[WebServer] = []
        self._programs: list[Program] = []

    def serve(self, name: str, env: dict[str, str]) -> WebServer:
        directory = self._directory / name
        directory.mkdir()
        self._servers.append(WebServer(directory, self._database_url, env))
        return self._servers[-1]

    def start(self, module: str, *args: str, env: dict[str, str] | None = None) -> Program:
        self._programs.append(Program(module, *args, env=environment(self._database_url, env)))
        return self._programs[-1]

    def logs(self) -> str:
        return "".join(server.logs() for server in self._servers)

    def end(self) -> None:
        for program in self._programs:
            program.kill()
        for server in self._servers:
            server.stop()


@pytest.fixture
def database_url(make_database: Callable[..., str], manage: Manage) -> str:
    """The old application's database: leaked tickets, and a clerk who may log in."""
    url = make_database("0001")
    done = manage("shell", "--verbosity", "0", "--command", BEFORE, database_url=url)
    assert done.returncode == 0, done.stderr
    return url


@pytest.fixture
def story(tmp_path: Path, database_url: str) -> Iterator[Story]:
    story = Story(tmp_path, database_url)
    yield story
    story.end()


def test_no_request_fails_and_no_write_is_lost_while_tokens_are_rotated(
    story: Story, manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    held, stale = shares_of(tickets)
    old = story.serve("old", OLD_CODE)
    load = story.start("tests.support.load")
    load.order(
        database_url=database_url, username="clerk", password=PASSWORD, tickets=held,
        interval_seconds=INTERVAL_SECONDS, phase="warming up", ports=[old.port],
    )  # fmt: skip

    def during(phase: str, *servers: WebServer, requests: int = 50) -> None:
        """Serve with these servers only; return when none has a request of another phase."""
        load.order(phase=phase, ports=[each.port for each in servers], requests=requests)
        load.answer()

    during("quiet, old code", old, requests=150)
    with tickets.cursor() as cursor:
        cursor.execute(COPY_OF_LEAKED)
    late = story.start(
        "tests.projects.old_application.stale_writer", *map(str, stale), env=OLD_CODE
    )
    assert late.answer() == "loaded\n"

    during("migrate, old code", old)
    run(manage, database_url, "migrate")
    new = story.serve("new", {})
    during("rotation, old and new code", old, new)
    run(manage, database_url, "rotate_tokens", "--limit", str(GENTLY_ROWS), expected=3)
    during("rotation, new code", new)
    assert old.stop() == 0
    run(manage, database_url, "rotate_tokens", *ROUGHLY)
    during("quiet, new code", new, requests=150)

    late_writes, found = late.end(), load.end()
    show(found, late_writes)
    assert found["failures"] == []
    assert found["failed"] == 0
    assert_no_write_is_lost(tickets, found["acknowledged"], late_writes["subjects"])
    assert_no_leaked_token_is_valid(tickets, found["dead"])
    assert_the_traffic_was_worth_it(found, late_writes)
    assert not UUID.search(story.logs())


def shares_of(tickets: Any) -> tuple[list[list[tuple[int, str]]], list[int]]:
    """For each customer (id, token) of tickets from all over the table, and ids for stale saves."""
    wanted = CUSTOMERS * TICKETS_EACH + STALE_TICKETS
    with tickets.cursor() as cursor:
        cursor.execute(
            "SELECT id, token::text FROM tickets_ticket WHERE id %% %s = 0 ORDER BY id LIMIT %s",
            [ROWS // wanted, wanted],
        )
        found = cursor.fetchall()
    others = CUSTOMERS + 1
    assert len(found) == wanted
    stale = found[::others][:STALE_TICKETS]
    rest = [each for each in found if each not in stale]
    return [rest[customer::CUSTOMERS] for customer in range(CUSTOMERS)], [pk for pk, _ in stale]


def run(manage: Manage, database_url: str, *command: str, expected: int = 0) -> None:
    done = manage(*command, database_url=database_url)
    assert done.returncode == expected, done.stdout + done.stderr


def assert_no_write_is_lost(
    tickets: Any, acknowledged: dict[str, dict[str, str]], late: dict[str, str]
) -> None:
    """Each row has one writer, so what it was last told is what must be stored."""
    with tickets.cursor() as cursor:
        cursor.execute("SELECT id, subject, status FROM tickets_ticket")
        stored = {str(pk): {"subject": subject, "status": status} for pk, subject, status in cursor}
    expected = {**acknowledged, **{pk: {"subject": subject} for pk, subject in late.items()}}
    lost = {
        pk: fields for pk, fields in expected.items() if not fields.items() <= stored[pk].items()
    }
    assert lost == {}


def assert_no_leaked_token_is_valid(tickets: Any, dead: list[str]) -> None:
    still_valid = "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)"
    assert value(tickets, still_valid) == 0
    came_back = "SELECT count(*) FROM tickets_ticket WHERE token = ANY(%s::uuid[])"
    assert value(tickets, came_back, dead) == 0
    assert pending(tickets) == 0
    assert value(tickets, "SELECT count(*) - count(DISTINCT token) FROM tickets_ticket") == 0


def assert_the_traffic_was_worth_it(found: dict[str, Any], late_writes: dict[str, Any]) -> None:
    assert len(found["phases"]) == 6
    assert len(late_writes["subjects"]) == STALE_TICKETS
    for event in ("read", "save", "create", "try a dead link", "links rotated"):
        assert found["counts"][event] > 0, event
    # New code hands out the link that is stored. (Old code cannot: it never reads it back.)
    assert "links dead on arrival during 'rotation, new code'" not in found["counts"]
    assert "links dead on arrival during 'quiet, new code'" not in found["counts"]


def show(found: dict[str, Any], late_writes: dict[str, Any]) -> None:
    """Print the figures; pytest -s or a failure shows them."""
    lines = [
        f"{phase:<28}" + "".join(f"  {name} {figure:>7}" for name, figure in figures.items())
        for phase, figures in found["phases"].items()
    ]
    events = {**found["counts"], "stale saves": late_writes["saves"], "failed": found["failed"]}
    lines += [f"{event:<60} {times:>6}" for event, times in events.items()]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
