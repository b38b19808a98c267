"""rotate_tokens --pause and --resume, from another terminal."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 4_000
RUNNING = "SELECT count(*) FROM token_rotation_operation WHERE status = 'running'"
LIVE = "SELECT live_data::text FROM token_rotation_operation WHERE status = 'running'"
BEATS = "SELECT heartbeat_at FROM token_rotation_operation WHERE status = 'running'"
SLOWLY = ("--batch-rows", "10", "--pause-seconds", "0.02")


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


def two_beats_on(tickets: Any) -> None:
    """Wait until a running rotation has told twice more that it lives."""
    for _ in range(2):
        before = value(tickets, BEATS)
        until(lambda before=before: value(tickets, BEATS) > before)


def test_a_paused_rotation_rotates_nothing_until_it_is_resumed(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    rotation = manage.start("rotate_tokens", *SLOWLY, database_url=database_url)
    until(lambda: value(tickets, RUNNING) == 1 and pending(tickets) < ROWS)
    paused = manage("rotate_tokens", "--pause", database_url=database_url)
    assert (paused.returncode, paused.stderr) == (0, "")
    assert paused.stdout == (
        "Asked 1 running rotation to pause after the running batch. --resume lets them go on.\n"
    )
    until(lambda: "paused" in str(value(tickets, LIVE)))
    left = pending(tickets)
    assert 0 < left < ROWS
    two_beats_on(tickets)
    assert pending(tickets) == left, "no batch after it"
    report = manage("rotate_tokens", "--report", database_url=database_url)
    assert "paused, --resume lets it go on" in report.stdout

    resumed = manage("rotate_tokens", "--resume", database_url=database_url)
    assert (resumed.returncode, resumed.stdout) == (0, "Asked 1 running rotation to go on.\n")
    stdout, stderr = rotation.communicate(timeout=120)
    assert rotation.returncode == 0, stdout + stderr
    assert "The pace was changed: a pause until somebody resumes it." in stdout
    assert "waiting: paused by an operator" in stdout
    assert "0.02 s between batches" in stdout, "the pace before the pause"
    assert_each_token_changed_once(tickets)


def test_a_paused_rotation_hears_a_stop(manage: Manage, database_url: str, tickets: Any) -> None:
    rotation = manage.start("rotate_tokens", *SLOWLY, database_url=database_url)
    until(lambda: value(tickets, RUNNING) == 1)
    manage("rotate_tokens", "--pause", database_url=database_url)
    until(lambda: "paused" in str(value(tickets, LIVE)))
    assert manage("rotate_tokens", "--stop", database_url=database_url).returncode == 0
    assert rotation.wait(timeout=60) == 3
    assert 0 < pending(tickets) < ROWS


def test_a_pause_is_shown_in_the_progress_for_programs(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    rotation = manage.start(
        *("rotate_tokens", "--progress", "json", *SLOWLY), database_url=database_url
    )
    until(lambda: value(tickets, RUNNING) == 1)
    manage("rotate_tokens", "--pause", "tickets.Ticket", database_url=database_url)
    assert rotation.stdout is not None
    events = (json.loads(line) for line in rotation.stdout)
    waiting = next(event for event in events if event["event"] == "waiting")
    assert "paused by an operator" in waiting["reason"]
    manage("rotate_tokens", "--resume", "tickets.Ticket", database_url=database_url)
    *_, last = events
    assert last["waited_seconds"]["pause"] > 0
    assert rotation.wait(timeout=60) == 0


@pytest.mark.parametrize("flag", ["--pause", "--resume"])
def test_with_nothing_running_it_says_so(manage: Manage, database_url: str, flag: str) -> None:
    asked = manage("rotate_tokens", flag, database_url=database_url)
    assert (asked.returncode, asked.stdout) == (
        0,
        "No rotation is running on database 'default'.\n",
    )


def test_a_killed_rotation_is_told_apart_from_one_that_hears(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    rotation = manage.start("rotate_tokens", *SLOWLY, database_url=database_url)
    until(lambda: value(tickets, RUNNING) == 1)
    rotation.kill()
    rotation.wait()
    tickets.cursor().execute(
        "UPDATE token_rotation_operation SET heartbeat_at = now() - interval '31 seconds'"
    )
    paused = manage("rotate_tokens", "--pause", database_url=database_url)
    assert "No rotation is running" in paused.stdout
    assert "1 more gave no sign of life" in paused.stdout
