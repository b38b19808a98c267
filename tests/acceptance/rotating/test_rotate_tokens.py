"""manage.py rotate_tokens, as an operator runs it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import PROJECT, Manage
from tests.support.waiting import until

ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event = 'PgSleep' AND datname = current_database()"
)
# Until the session that sets this up lets go of the lock.
WAIT_IN_THE_THIRD_BATCH = """
SELECT pg_advisory_lock(1);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    WHILE NOT pg_try_advisory_xact_lock(1) LOOP PERFORM pg_sleep(0.01); END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER wait BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = 120) EXECUTE FUNCTION wait();
"""
VERSIONS = "SELECT md5(string_agg(xmin::text, ',' ORDER BY id)) FROM tickets_ticket"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    return connect(database_url)


def test_every_token_is_rotated_and_the_exit_code_is_0(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 5000)
    done = manage("rotate_tokens", database_url=database_url)
    assert done.returncode == 0
    assert "5,000 tokens rotated" in done.stdout
    assert "Nothing is pending." in done.stdout
    assert_each_token_changed_once(tickets)


def test_with_nothing_pending_it_says_so_and_writes_nothing(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 10)
    manage("rotate_tokens", database_url=database_url)
    before = value(tickets, VERSIONS)
    again = manage("rotate_tokens", database_url=database_url)
    assert again.returncode == 0
    assert re.fullmatch(
        r"tickets\.Ticket: nothing is pending; nothing was written\. Verified: read all 10 rows of "
        r"public\.tickets_ticket, in one snapshot of [\d:]+\.\n",
        again.stdout,
    )
    assert value(tickets, VERSIONS) == before
    assert_each_token_changed_once(tickets)


def test_plain_lines_tell_done_total_rate_remaining_and_skipped(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 1000)
    done = manage("rotate_tokens", "--batch-rows", "100", database_url=database_url)
    assert re.match(
        r"rotated 100 of 1,000 \(10\.00 %\), [\d,]+ rows/s, \d+:\d\d:\d\d left, 0 skipped, "
        r"batch 100 rows\n",
        done.stdout,
    )


def test_json_progress_is_nothing_but_json_lines(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 300)
    done = manage(
        "rotate_tokens", "--batch-rows", "100", "--progress", "json", database_url=database_url
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    *batches, end = lines
    assert {line["event"] for line in batches} == {"batch"}
    # Not every batch has a line, at most ten a second do; the first and the last always.
    assert (batches[0]["done_rows"], batches[-1]["done_rows"]) == (100, 300)
    assert end["event"] == "end"
    assert lines[-1]["pending_rows"] == 0


def test_the_bar_shows_total_and_rate(manage: Manage, database_url: str, tickets: Any) -> None:
    leak(tickets, 300)
    done = manage("rotate_tokens", "--progress", "bar", database_url=database_url)
    assert "300/300" in done.stderr
    assert "rows/s" in done.stderr


def test_progress_none_leaves_the_closing_line_only(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 300)
    done = manage("rotate_tokens", "--progress", "none", database_url=database_url)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_limit_is_a_canary_and_the_next_run_does_the_rest(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 1000)
    canary = manage("rotate_tokens", "--limit", "10", database_url=database_url)
    assert canary.returncode == 3
    assert "990 pending" in canary.stdout
    assert "python manage.py rotate_tokens" in canary.stdout
    assert pending(tickets) == 990
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_a_limit_that_reaches_the_end_exits_with_0(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 10)
    assert manage("rotate_tokens", "--limit", "10", database_url=database_url).returncode == 0


def test_a_dry_run_writes_nothing(manage: Manage, database_url: str, tickets: Any) -> None:
    leak(tickets, 1000)
    dry = manage("rotate_tokens", "--dry-run", database_url=database_url)
    assert dry.returncode == 3
    assert "would rotate 1,000 of 1,000 pending rows" in dry.stdout
    assert pending(tickets) == 1000


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_batch_commit_and_says_how_to_go_on(
    manage: Manage, database_url: str, tickets: Any, signum: signal.Signals
) -> None:
    leak(tickets, 1000)
    tickets.cursor().execute(WAIT_IN_THE_THIRD_BATCH)
    process = manage.start("rotate_tokens", "--batch-rows", "50", database_url=database_url)
    until(lambda: value(tickets, ASLEEP) == 1)
    process.send_signal(signum)
    assert process.stderr is not None
    until(lambda: "Stopping after the running batch" in process.stderr.readline())  # type: ignore[union-attr]
    assert pending(tickets) == 900
    tickets.cursor().execute("SELECT pg_advisory_unlock(1)")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3
    assert pending(tickets) == 850
    assert "Stopped on request; 850 pending" in stdout
    assert "To go on: python manage.py rotate_tokens" in stdout
    assert "Traceback" not in stderr
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_a_hang_up_that_nohup_ignores_stays_ignored(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 5000)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = manage.start_program(  # which inherits from here, unlike one that is forked
            *(sys.executable, "manage.py", "rotate_tokens"),
            *("--batch-rows", "50", "--pause-seconds", "0.02"),
            database_url=database_url,
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    until(lambda: pending(tickets) < 5000)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("output", ["a pipe that is closed", "/dev/full"])
def test_output_that_cannot_be_written_does_not_end_the_rotation(
    manage: Manage, database_url: str, tickets: Any, output: str
) -> None:
    leak(tickets, 1000)
    if output == "/dev/full":
        write_end = os.open(output, os.O_WRONLY)
    else:
        read_end, write_end = os.pipe()
        os.close(read_end)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "rotate_tokens", "--batch-rows", "50", "--progress", "json"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write_end)
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert_each_token_changed_once(tickets)


def test_a_guard_disabled_in_mid_run_is_named_at_the_end(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 5000)
    words = ("rotate_tokens", "--batch-rows", "50", "--pause-seconds", "0.02")
    process = manage.start(*words, database_url=database_url)
    until(lambda: pending(tickets) < 5000)
    tickets.cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Nothing is pending, but the guard is not whole" in stdout
    assert "pgtrigger enable tickets.Ticket:guard_update" in stdout


def test_a_second_signal_ends_at_once_and_rolls_the_batch_back(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        """
        CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(300); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        WHEN (OLD.id = 60) EXECUTE FUNCTION be_slow();
        """
    )
    process = manage.start("rotate_tokens", "--batch-rows", "50", database_url=database_url)
    asleep = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    until(lambda: value(tickets, asleep) == 1)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    until(lambda: "second signal" in process.stderr.readline())  # type: ignore[union-attr]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Traceback" not in stderr
    assert pending(tickets) == 50
    assert value(tickets, asleep) == 0
