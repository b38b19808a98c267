"""With retired tokens kept: killed, beside old code, and pruned, through manage.py."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

KEEPING = {"DJANGO_SETTINGS_MODULE": "tests.projects.retired_tokens.settings"}
UNRECORDED = (
    "SELECT count(*) FROM leaked WHERE NOT EXISTS (SELECT FROM token_rotation_retiredtoken "
    "WHERE hash = sha256(convert_to(leaked.token::text, 'UTF8')))"
)
RECORDED_AND_VALID = (
    "SELECT count(*) FROM tickets_ticket JOIN token_rotation_retiredtoken "
    "ON hash = sha256(convert_to(token::text, 'UTF8'))"
)
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rotate_tokens' "
    "AND datname = current_database()"
)
SAVED = "SELECT count(*) FROM tickets_ticket WHERE subject LIKE 'Late change %'"
KEPT = "SELECT count(*) FROM token_rotation_retiredtoken"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any], manage: Manage) -> Any:
    """A connection to a database whose triggers keep retired tokens."""
    installed = manage("pgtrigger", "install", database_url=database_url, env=KEEPING)
    assert installed.returncode == 0, installed.stderr
    return connect(database_url)


def test_killed_at_any_moment_a_token_is_replaced_and_recorded_or_neither(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 8000)
    words = ("rotate_tokens", "--batch-rows", "50", "--workers", "2", "--pause-seconds", "0.01")
    for _ in range(3):
        process = manage.start(*words, database_url=database_url, env=KEEPING)
        before = pending(tickets)
        until(lambda before=before: pending(tickets) < before)
        process.kill()
        process.communicate()
        until(lambda: value(tickets, SESSIONS) == 0)
        left = pending(tickets)
        assert 0 < left < before
        assert value(tickets, UNRECORDED) == left
    done = manage(*words, database_url=database_url, env=KEEPING)
    assert done.returncode == 0, done.stderr
    assert_each_token_changed_once(tickets)
    assert (value(tickets, UNRECORDED), value(tickets, RECORDED_AND_VALID)) == (0, 0)


def test_old_code_that_saves_leaked_tokens_all_the_while_brings_none_back(
    manage: Manage, database_url: str, tickets: Any, request: pytest.FixtureRequest
) -> None:
    leak(tickets, 2000)
    keys = [str(key) for key in range(1, 2001, 100)]
    old = subprocess.Popen(
        [sys.executable, "-m", "tests.projects.old_application.stale_writer", *keys],
        env={
            **os.environ,
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "tests.projects.old_application.settings",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    request.addfinalizer(old.kill)
    assert old.stdout is not None
    assert old.stdout.readline() == "loaded\n"
    for _ in range(2):  # and asked again, when the guard alone would take a stale save for fresh
        done = manage("rotate_tokens", database_url=database_url, env=KEEPING)
        assert done.returncode == 0, done.stderr
        tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
        until(lambda: value(tickets, SAVED) == len(keys))
    said, _ = old.communicate(timeout=60)  # which closes its stdin
    assert old.returncode == 0
    subjects = json.loads(said)["subjects"]
    assert len(subjects) == len(keys)
    still_valid = "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)"
    assert (value(tickets, still_valid), value(tickets, RECORDED_AND_VALID)) == (0, 0)
    for key, subject in subjects.items():
        stored = value(tickets, "SELECT subject FROM tickets_ticket WHERE id = %s", int(key))
        assert stored == subject


def test_without_a_list_a_retired_token_in_use_is_found_and_told_by_the_exit_code(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 20)
    verify = ("verify_tokens", "--retired")
    rotated, none = manage.each(("rotate_tokens",), verify, database_url=database_url, env=KEEPING)
    assert rotated.returncode == 0, rotated.stderr
    assert (none.returncode, none.stderr) == (0, "")
    assert none.stdout == "tickets.Ticket: no retired token opens anything.\n"
    tickets.cursor().execute(
        "SET session_replication_role = replica; UPDATE tickets_ticket SET token = leaked.token"
        " FROM leaked WHERE leaked.id = tickets_ticket.id AND leaked.id <= 3"
    )
    evidence = tmp_path / "evidence.json"
    prove = ("rotate_tokens", "--report", "--evidence", str(evidence))
    some, _ = manage.each(verify, prove, database_url=database_url, env=KEEPING)
    assert (some.returncode, some.stderr) == (3, "")
    assert some.stdout.startswith("tickets.Ticket: 3 rows have a token that was retired")
    (entry,) = json.loads(evidence.read_text())["targets"]
    assert (entry["rows_with_a_retired_token"], entry["complete"]) == (3, False)


@pytest.mark.parametrize("exact", [(), ("--exact",)], ids=["plain", "exact"])
def test_a_retired_token_in_use_is_not_complete_and_what_is_said_mends_it(
    manage: Manage, database_url: str, tickets: Any, exact: tuple[str, ...]
) -> None:
    leak(tickets, 20)
    rotate, report = ("rotate_tokens",), ("rotate_tokens", "--report", *exact)
    done, yes = manage.each(rotate, report, database_url=database_url, env=KEEPING)
    assert (done.returncode, yes.returncode) == (0, 0), done.stderr + yes.stderr
    tickets.cursor().execute(
        "SET session_replication_role = replica; UPDATE tickets_ticket SET token = leaked.token"
        " FROM leaked WHERE leaked.id = tickets_ticket.id AND leaked.id <= 3"
    )
    tickets.cursor().execute("RESET session_replication_role")
    again, no = manage.each(rotate, report, database_url=database_url, env=KEEPING)
    assert (again.returncode, no.returncode) == (3, 3)
    said = "3 rows have a token that was retired, which opens them"
    assert f"Nothing is pending, but {said}." in again.stderr + again.stdout
    assert f"complete          no: {said}\n" in no.stdout
    mend = re.search(
        r"^next +(UPDATE .*) in psql, then python manage.py (\w+)$", no.stdout, re.MULTILINE
    )
    assert mend
    tickets.cursor().execute(mend[1])
    mended, yes = manage.each((mend[2],), report, database_url=database_url, env=KEEPING)
    assert (mended.returncode, yes.returncode) == (0, 0), mended.stderr + yes.stdout
    assert (value(tickets, UNRECORDED), value(tickets, RECORDED_AND_VALID)) == (0, 0)


def test_where_none_are_kept_or_there_is_no_table_one_line_says_so(
    manage: Manage, make_database: Callable[..., str]
) -> None:
    words = ("verify_tokens", "--retired")
    zero = make_database("zero")
    for env, line in ((None, "verify_tokens FILE"), (KEEPING, "Run: python manage.py migrate")):
        refused = manage(*words, database_url=zero, env=env)
        assert refused.returncode == 1
        assert line in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def keep(tickets: Any, rows: int, days: int) -> None:
    tickets.cursor().execute(
        "INSERT INTO token_rotation_retiredtoken "
        "SELECT sha256(gen_random_uuid()::text::bytea), 'x.y', now() - make_interval(days => %s) "
        "FROM generate_series(1, %s)",
        (days, rows),
    )


def test_pruning_forgets_what_is_older_and_nothing_else(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    for days in (100, 10, 100, 0):
        keep(tickets, 6000, days)
    words = ("prune_retired_tokens", "--older-than", "90")
    pruned, again = manage.each(words, words, database_url=database_url)
    assert (pruned.returncode, pruned.stderr) == (0, "")
    assert pruned.stdout == "Deleted the hashes of 12,000 tokens retired more than 90 days ago.\n"
    assert value(tickets, KEPT) == 12_000
    assert again.stdout.startswith("Deleted the hashes of 0 ")
    oldest = "SELECT now() - min(retired_at) < interval '11 days' FROM token_rotation_retiredtoken"
    assert value(tickets, oldest)


def test_pruning_waits_for_no_lock_for_long_and_goes_on_afterwards(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets, holder = connect(database_url), connect(database_url)
    keep(tickets, 100, 100)
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE token_rotation_retiredtoken IN SHARE MODE")
    process = manage.start(
        *("prune_retired_tokens", "--older-than", "90"), database_url=database_url
    )
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
    until(lambda: value(tickets, waiting, "token_rotation_retiredtoken"))
    until(lambda: not value(tickets, waiting, "token_rotation_retiredtoken"))
    holder.rollback()
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert re.fullmatch(r"Trying again for up to 60 s: LockNotAvailable .*\n", errors)
    assert "100 tokens" in said


def test_pruning_says_that_it_retries_while_the_server_is_out_of_reach(manage: Manage) -> None:
    process = manage.start(
        *("prune_retired_tokens", "--older-than", "90"),
        database_url="postgres://nobody@127.0.0.1:1/nothing",
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Trying again for up to 60 s: connection to server")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Stopped before the end" in said


BAD_WORDS: list[tuple[tuple[str, ...], str]] = [
    ((), "required: --older-than"),
    (("--older-than", "-1"), "is not a whole number of at least 0"),
    (("--older-than", "9999999999"), "is more than 1,000,000 days"),
    (("--older-than", "soon"), "is not a whole number of at least 0"),
    (("--older-than", "9", "--database", "other"), "there is no database 'other'"),
]


def test_bad_words_are_refused_in_one_line(manage: Manage, database_url: str) -> None:
    commands = [("prune_retired_tokens", *words) for words, _ in BAD_WORDS]
    refusals = manage.each(*commands, database_url=database_url)
    for refused, (_, line) in zip(refusals, BAD_WORDS, strict=True):
        assert refused.returncode == 1
        assert line in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_before_migrate_it_says_what_to_type(manage: Manage, make_database: Any) -> None:
    refused = manage(
        *("prune_retired_tokens", "--older-than", "9"), database_url=make_database("zero")
    )
    assert refused.returncode == 1
    assert "Run: python manage.py migrate" in refused.stderr
