"""manage.py rotate_tokens where tokens are made by a function of the site's."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending
from tests.support.manage import Manage

GOOD = "token_rotation.tokens.random_uuids.random_uuids"


def made_by(maker: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "tests.projects.python_tokens.settings", "MAKE_TOKENS": maker}


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    return connect(database_url)


def test_killed_and_run_again_every_token_is_rotated_once(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 5000)
    killed = manage.start(
        "rotate_tokens",
        *("--progress", "json", "--batch-rows", "100", "--pause-seconds", "0.02"),
        database_url=database_url,
        env=made_by(GOOD),
    )
    assert killed.stdout is not None
    for _ in range(3):
        killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 0 < pending(tickets) < 5000
    done = manage("rotate_tokens", "--workers", "2", database_url=database_url, env=made_by(GOOD))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is pending." in done.stdout
    assert_each_token_changed_once(tickets)


def test_a_source_that_fails_on_the_way_ends_the_run_with_one_line_that_says_how_to_go_on(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 500)
    env = made_by("tests.projects.python_tokens.makers.tiring")
    command = ("rotate_tokens", "--batch-rows", "100", "--progress", "json")
    failed = manage(*command, database_url=database_url, env=env)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(
        "CommandError: The token source tests.projects.python_tokens.makers.tiring "
        "raised RuntimeError. "
        "The 200 rows rotated by this run are safe, nothing is half done. To go on: "
    )
    last = json.loads(failed.stdout.splitlines()[-1])
    assert (last["event"], last["outcome"], last["rotated_rows"]) == ("end", "error", 200)
    assert "could not sign" not in failed.stdout + failed.stderr
    assert pending(tickets) == 300
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize(
    ("maker", "complaint"),
    [
        ("tests.projects.python_tokens.makers.short", "was asked for 10 tokens and made only 9"),
        (
            "tests.projects.python_tokens.nothing",
            "tickets.Ticket: make_tokens of its guard names no",
        ),
        (
            "tests.projects.python_tokens.makers.not_a_function",
            "guard is of type int, not a function",
        ),
    ],
)
def test_a_source_that_does_not_work_at_all_is_one_line_and_nothing_is_written(
    manage: Manage, database_url: str, tickets: Any, maker: str, complaint: str
) -> None:
    leak(tickets, 10)
    refused = manage("rotate_tokens", database_url=database_url, env=made_by(maker))
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert pending(tickets) == 10


def test_dry_run_report_and_checks_ask_for_no_token(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 10)
    env = made_by("tests.projects.python_tokens.makers.short")
    dry, report, check = manage.each(
        ("rotate_tokens", "--dry-run"),
        ("rotate_tokens", "--report"),
        ("check", "--database", "default"),
        database_url=database_url,
        env=env,
    )
    assert "would rotate 10 of 10 pending rows" in dry.stdout
    assert "10" in report.stdout
    assert (dry.stderr, report.stderr, check.stderr) == ("", "", "")


def test_a_source_in_python_leaves_triggers_and_migrations_as_they_are(
    manage: Manage, database_url: str
) -> None:
    env = made_by(GOOD)
    check = manage("makemigrations", "--check", "--dry-run", database_url=database_url, env=env)
    assert (check.returncode, check.stdout) == (0, "No changes detected\n")
