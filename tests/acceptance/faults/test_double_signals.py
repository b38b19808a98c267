"""Signals, close together, at any moment: the command ends soon, quietly, and loses nothing."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from subprocess import Popen
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import PROJECT, Manage
from tests.support.waiting import until

ROWS = 5_000
BATCH_ROWS = 50
STUCK_AT = 1_000
PAIRS = [
    (signal.SIGINT, signal.SIGTERM),
    (signal.SIGTERM, signal.SIGINT),
    (signal.SIGTERM, signal.SIGHUP),
]
# Done, rows pending, ended by the signal itself: before it listened, or when all was said.
EXPECTED = {0, 3, *(sign for pair in PAIRS for one in pair for sign in (-one, 128 + one))}

# manage.py from its first line on. What Python does before that is not the project's: there, a
# SIGINT can show a traceback.
FROM_THE_FIRST_LINE = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("started", flush=True)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

WAITS_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)

# A batch that reaches this row ends only when it is cancelled.
STUCK = f"""
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER stuck BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = {STUCK_AT}) EXECUTE FUNCTION be_stuck();
"""


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


@pytest.fixture
def start(manage: Manage, database_url: str) -> Callable[..., "Popen[str]"]:
    """Start rotate_tokens; return at the first line of manage.py."""

    def start(*options: str) -> "Popen[str]":
        process = manage.start_program(
            *(sys.executable, "-c", FROM_THE_FIRST_LINE, str(PROJECT / "manage.py")),
            *("rotate_tokens", "--batch-rows", str(BATCH_ROWS), *options),
            database_url=database_url,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        return process

    return start


def signal_twice(process: "Popen[str]", after_seconds: float) -> None:
    """Two different signals, since the kernel makes one of two equal ones that are pending."""
    first, second = random.choice(PAIRS)
    time.sleep(after_seconds)  # the moment of the signals, not a wait for anything
    process.send_signal(first)
    done_at = time.perf_counter() + random.choice([0, 50e-6, 500e-6, 0.02]) * random.random()
    while time.perf_counter() < done_at:  # far shorter than what a sleep can be
        pass
    process.send_signal(second)


def assert_ends_well(process: "Popen[str]") -> None:
    try:
        stdout, stderr = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        pytest.fail("it did not end")
    assert process.returncode in EXPECTED, stdout + stderr
    assert "Traceback" not in stderr
    assert "Exception" not in stderr


def moments(count: int, since: float, to: float) -> Iterator[float]:
    """Each by chance in a share of its own, so that no part of the time is left out."""
    for number in range(count):
        yield since + (to - since) * (number + random.random()) / count


def seconds_of(start: Callable[..., "Popen[str]"], *options: str) -> float:
    """How long an undisturbed run takes here and now."""
    process = start(*options)
    started_at = time.monotonic()
    process.communicate(timeout=60)
    return time.monotonic() - started_at


def test_two_signals_between_start_and_a_stuck_batch_end_it_and_a_later_run_goes_on(
    manage: Manage, database_url: str, tickets: Any, start: Callable[..., "Popen[str]"]
) -> None:
    usual_seconds = seconds_of(start, "--limit", str(STUCK_AT // 2))
    tickets.cursor().execute(STUCK)
    for moment in moments(9, 0, 1.5 * usual_seconds):
        process = start()
        signal_twice(process, moment)
        assert_ends_well(process)
    tickets.cursor().execute("DROP FUNCTION be_stuck CASCADE")
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_two_signals_at_the_end_of_a_run_leave_it_ended_and_a_later_run_goes_on(
    manage: Manage, database_url: str, tickets: Any, start: Callable[..., "Popen[str]"]
) -> None:
    limit = ("--limit", str(2 * BATCH_ROWS))
    usual_seconds = seconds_of(start, *limit)
    for moment in moments(8, 0.6 * usual_seconds, 1.1 * usual_seconds):
        process = start(*limit)
        signal_twice(process, moment)
        assert_ends_well(process)
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_a_third_signal_ends_a_run_that_waits_for_the_table_before_it_has_begun(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    """Somebody's ALTER TABLE has the table, and its answer is nowhere near."""
    holder = connect(database_url)
    holder.cursor().execute("BEGIN; LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    process = manage.start("rotate_tokens", database_url=database_url)
    until(lambda: value(tickets, WAITS_FOR_A_LOCK))
    assert process.stderr is not None
    for said in ("Stopping after the running batch", "Ending at once"):
        process.send_signal(signal.SIGTERM)
        assert any(said in line for line in process.stderr)  # read up to there
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == -signal.SIGTERM
    holder.cursor().execute("ROLLBACK")
    assert pending(tickets) == ROWS
