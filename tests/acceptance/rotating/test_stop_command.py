"""rotate_tokens --stop ends running rotations from anywhere; every run leaves a record."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.poison import REFUSE_UPDATES
from tests.support.waiting import until

ROWS = 8_000
RUNNING = "SELECT count(*) FROM token_rotation_operation WHERE status = 'running'"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


def slow_rotation(manage: Manage, database_url: str) -> Any:
    return manage.start(
        *("rotate_tokens", "--batch-rows", "50", "--pause-seconds", "0.1"),
        database_url=database_url,
    )


def test_stop_ends_every_running_rotation_after_its_batch(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    rotations = [slow_rotation(manage, database_url) for _ in range(2)]
    until(lambda: value(tickets, RUNNING) == 2)
    stopped = manage("rotate_tokens", "--stop", database_url=database_url)
    assert stopped.returncode == 0
    assert stopped.stdout == "Asked 2 running rotations to end after its batch.\n"
    for rotation in rotations:
        stdout, _ = rotation.communicate(timeout=60)
        assert rotation.returncode == 3
        assert "Stopped on request" in stdout
    assert 0 < pending(tickets) < ROWS
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_two_rotations_at_once_share_the_work_without_harm(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    gently = ("--batch-rows", "50", "--pause-seconds", "0.05")
    rotations = [
        manage.start("rotate_tokens", *gently, database_url=database_url) for _ in range(2)
    ]
    until(lambda: value(tickets, RUNNING) == 2)
    for rotation in rotations:
        stdout, stderr = rotation.communicate(timeout=120)
        assert rotation.returncode == 0, stdout + stderr
    shares = "SELECT array_agg((output_data->>'rotated_rows')::int) FROM token_rotation_operation"
    one, another = value(tickets, shares)
    assert min(one, another) > 0
    assert one + another == ROWS
    assert_each_token_changed_once(tickets)


def test_with_nothing_running_stop_says_so(manage: Manage, database_url: str) -> None:
    stopped = manage("rotate_tokens", "--stop", database_url=database_url)
    assert (stopped.returncode, stopped.stdout) == (
        0,
        "No rotation is running on database 'default'.\n",
    )


def test_a_killed_rotation_is_told_apart_from_a_running_one(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    rotation = slow_rotation(manage, database_url)
    until(lambda: value(tickets, RUNNING) == 1)
    rotation.kill()
    rotation.wait()
    tickets.cursor().execute(
        "UPDATE token_rotation_operation SET heartbeat_at = now() - interval '31 seconds'"
    )
    stopped = manage("rotate_tokens", "--stop", database_url=database_url)
    assert "No rotation is running" in stopped.stdout
    assert "1 more gave no sign of life" in stopped.stdout


def test_a_run_leaves_a_record_of_what_it_did(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    manage(
        *("rotate_tokens", "--limit", "500", "--batch-rows", "100", "--pause-seconds", "0.01"),
        database_url=database_url,
    )
    with tickets.cursor() as cursor:
        cursor.execute(
            "SELECT status, result, progress_done, progress_total, input_data, output_data, host "
            "FROM token_rotation_operation"
        )
        ((status, result, done, total, asked, output, host),) = cursor.fetchall()
    assert (status, result, done, total) == ("finished", "successful", 500, 500)
    assert asked["model"] == "tickets.Ticket"
    assert asked["options"]["limit_rows"] == 500
    assert (output["outcome"], output["rotated_rows"]) == ("limit_reached", 500)
    assert (output["batches"], output["skipped_rows"], output["retries"]) == (5, 0, 0)
    assert output["waited_seconds"]["pace"] > 0
    assert output["rows_per_second"] == pytest.approx(500 / output["seconds"], rel=0.05)
    assert host


def test_a_failed_run_leaves_a_record_of_why(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    tickets.cursor().execute(REFUSE_UPDATES)
    assert manage("rotate_tokens", database_url=database_url).returncode == 1
    output = value(tickets, "SELECT output_data::text FROM token_rotation_operation")
    assert value(tickets, "SELECT result FROM token_rotation_operation") == "failed"
    error = json.loads(output)["error"]
    assert error["type"] == "token_rotation.errors.StatementError"
    assert "55000" in error["message"]


def test_without_the_table_of_records_a_rotation_runs_and_says_so(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    tickets.cursor().execute("DROP TABLE token_rotation_operation CASCADE")
    done = manage("rotate_tokens", database_url=database_url)
    assert done.returncode == 0
    assert "leaves no record" in done.stderr
    assert_each_token_changed_once(tickets)


def test_a_locked_table_of_records_holds_no_rotation_up(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    blocker = connect(database_url)
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE token_rotation_operation IN ACCESS EXCLUSIVE MODE")
    done = manage("rotate_tokens", database_url=database_url)
    assert done.returncode == 0
    assert "leaves no record" in done.stderr
    assert "55P03" in done.stderr
    blocker.rollback()
    assert_each_token_changed_once(tickets)


def test_a_run_whose_record_could_not_be_begun_begins_it_later(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    blocker = connect(database_url)
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE token_rotation_operation IN ACCESS EXCLUSIVE MODE")
    rotation = slow_rotation(manage, database_url)
    assert rotation.stderr is not None
    until(lambda: "leaves no record yet" in rotation.stderr.readline())

    blocker.rollback()

    until(lambda: value(tickets, RUNNING) == 1)
    stopped = manage("rotate_tokens", "--stop", database_url=database_url)
    assert stopped.stdout == "Asked 1 running rotation to end after its batch.\n"
    rotation.communicate(timeout=60)
    assert rotation.returncode == 3
    done = value(tickets, "SELECT progress_done FROM token_rotation_operation")
    assert done == ROWS - pending(tickets)


def test_stop_without_the_table_of_records_is_one_line(
    manage: Manage, make_database: Callable[..., str]
) -> None:
    refused = manage("rotate_tokens", "--stop", database_url=make_database(migrated_to="zero"))
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "Nothing was stopped" in line


def test_a_signal_is_answered_while_the_record_cannot_be_written(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    rotation = slow_rotation(manage, database_url)
    until(lambda: pending(tickets) < ROWS)
    blocker = connect(database_url)
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE token_rotation_operation IN ACCESS EXCLUSIVE MODE")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    until(lambda: value(tickets, waiting) == 1)
    rotation.send_signal(signal.SIGTERM)
    assert rotation.stderr is not None
    until(lambda: "Stopping" in rotation.stderr.readline())
    blocker.rollback()
    rotation.communicate(timeout=60)
    assert rotation.returncode == 3
