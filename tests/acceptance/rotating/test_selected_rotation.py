"""rotate_tokens aimed at some of the tokens, as an operator runs it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until
from token_rotation import __version__

TOKENS = "SELECT md5(string_agg(token::text, ',' ORDER BY id)) FROM tickets_ticket WHERE {}"
LOOKS = (
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    "AND datname = current_database() AND query LIKE '%rotation_listed CROSS JOIN%' "
    "AND pid <> pg_backend_pid()"
)
SLOWLY = ("--batch-rows", "50", "--pause-seconds", "0.04")  # a kill comes in time


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    return connect(database_url)


def write_list(tickets: Any, path: Path, where: str, column: str = "token") -> Path:
    """Write a column of the leaked tickets, a value a line."""
    with tickets.cursor() as cursor:
        cursor.execute(f"SELECT {column}::text FROM leaked WHERE {where} ORDER BY token")
        path.write_text("".join(f"{text}\n" for (text,) in cursor.fetchall()))
    return path


def changed(tickets: Any) -> set[int]:
    with tickets.cursor() as cursor:
        cursor.execute("SELECT ticket_id FROM token_change")
        ids = [number for (number,) in cursor.fetchall()]
    assert len(ids) == len(set(ids))
    return set(ids)


def forget_changes(tickets: Any) -> None:
    """What leaks now are the tokens of this moment."""
    tickets.cursor().execute(
        "TRUNCATE token_change, leaked; INSERT INTO leaked SELECT id, token FROM tickets_ticket"
    )


def test_after_a_second_leak_every_token_changes_once_more_also_killed_and_resumed(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 6_000)
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    forget_changes(tickets)
    cut_off = value(tickets, "SELECT to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.USOF')")
    changes = "SELECT count(*) FROM token_change"
    command = ("rotate_tokens", "--issued-before", cut_off, *SLOWLY)
    done = 0
    for workers in ("1", "3"):
        process = manage.start(*command, "--workers", workers, database_url=database_url)
        until(lambda done=done: value(tickets, changes) > done + 200)
        process.kill()
        process.communicate()
        done = value(tickets, changes)
        assert done < 6_000
    last, again = manage.each(command, command, database_url=database_url)
    assert last.returncode == 0, last.stderr
    assert "Nothing is pending in the selection." in last.stdout
    assert_each_token_changed_once(tickets)
    assert (again.returncode, "nothing was written" in again.stdout) == (0, True)


def test_a_stopped_rotation_prints_the_command_with_the_same_point_in_time(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 500)
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    forget_changes(tickets)
    command = ("rotate_tokens", "--issued-before", "now", "--limit", "200", "--workers", "2")
    stopped = manage(*command, database_url=database_url)
    assert stopped.returncode == 3
    words = stopped.stdout.split("To go on: python manage.py ")[1].split()
    assert f"To go on after a kill: python manage.py {' '.join(words)}\n" in stopped.stdout
    assert words[:2] == ["rotate_tokens", "--issued-before"]
    assert words[3:] == ["--workers", "2"]
    assert "300 pending" in stopped.stdout
    assert manage(*words, database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_only_the_listed_tokens_change(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 50_000)
    tickets.cursor().execute(
        "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now() "
        "WHERE id <= 100; DELETE FROM leaked WHERE id <= 100; "
        "INSERT INTO leaked SELECT id, token FROM tickets_ticket WHERE id <= 100;"
        "TRUNCATE token_change"
    )
    leaked = write_list(tickets, tmp_path / "leaked.txt", "id % 25 = 0")
    others = TOKENS.format("id % 25 > 0")
    before = value(tickets, others)
    only = ("rotate_tokens", "--only", str(leaked))
    done, again = manage.each(only, only, database_url=database_url)
    assert done.returncode == 0, done.stderr
    assert changed(tickets) == set(range(25, 50_001, 25))  # also the four that had a marker
    assert value(tickets, others) == before
    assert "2,000 tokens rotated" in done.stdout
    assert "; 47,904 rows outside of it are still pending" in done.stdout
    assert again.returncode == 0
    assert "nothing was written" in again.stdout


def test_a_limit_is_kept_with_ten_thousand_tokens_on_sixty_thousand_rows(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 60_000)
    leaked = write_list(tickets, tmp_path / "leaked.txt", "id % 6 = 0")
    stopped = manage(
        "rotate_tokens", "--first", str(leaked), "--limit", "50", database_url=database_url
    )
    assert stopped.returncode == 3, stopped.stderr
    done = changed(tickets)
    assert (len(done), [key for key in done if key % 6]) == (50, [])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_a_count_of_a_list_that_takes_long(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path, signum: int
) -> None:
    leak(tickets, 60_000)
    leaked = write_list(tickets, tmp_path / "leaked.txt", "id % 6 = 0")
    # Each line reads the whole table now.
    tickets.cursor().execute(
        f'ALTER DATABASE "{tickets.info.dbname}" SET enable_indexscan = off;'
        f'ALTER DATABASE "{tickets.info.dbname}" SET enable_indexonlyscan = off;'
        f'ALTER DATABASE "{tickets.info.dbname}" SET enable_bitmapscan = off'
    )
    process = manage.start("rotate_tokens", "--only", str(leaked), database_url=database_url)
    until(lambda: value(tickets, LOOKS))
    process.send_signal(signum)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 3, errors
    assert "Stopped on request; " in said
    assert value(tickets, LOOKS) == 0
    assert changed(tickets) == set()


def test_a_list_of_tokens_killed_and_resumed_changes_each_once(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 4_000)
    leaked = write_list(tickets, tmp_path / "leaked.txt", "id % 2 = 0")
    command = ("rotate_tokens", "--only", str(leaked), *SLOWLY, "--workers", "2")
    process = manage.start(*command, database_url=database_url)
    until(lambda: pending(tickets) < 3_800)
    process.kill()
    process.communicate()
    assert len(changed(tickets)) < 2_000
    assert manage(*command, database_url=database_url).returncode == 0
    assert changed(tickets) == set(range(2, 4_001, 2))


def test_listed_keys_change_where_they_are_pending(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now() "
        "WHERE id <= 10; TRUNCATE token_change"
    )
    keys = tmp_path / "keys.csv"
    keys.write_text('name,ID\n"a, b",5\nx,20\ny,21\nz,777\n')
    done = manage("rotate_tokens", "--only", str(keys), database_url=database_url)
    assert done.returncode == 0, done.stderr
    assert (
        "4 keys, 3 rows have one of them, 2 of these are to be rotated, 1 are fresh" in done.stdout
    )
    assert changed(tickets) == {20, 21}


def test_first_the_listed_rows_and_then_all_the_others(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 3_000)
    listed = write_list(tickets, tmp_path / "first.txt", "id > 2900")
    command = ("rotate_tokens", "--first", str(listed))
    canary = manage(*command, "--limit", "100", database_url=database_url)
    assert canary.returncode == 3
    assert changed(tickets) == set(range(2_901, 3_001))
    assert f"rotate_tokens --first {listed}" in canary.stdout
    assert manage(*command, database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_where_narrows_a_rotation_and_says_what_it_leaves(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 3_000)
    tickets.cursor().execute(
        "UPDATE tickets_ticket SET status = 'closed' WHERE id % 3 = 0; "
        "INSERT INTO tickets_message (ticket_id, body, version) SELECT 3 * n, 'help', 1 "
        "FROM generate_series(1, 100) n, generate_series(1, 2)"
    )
    words = ("--where", "status=closed", "--where", "messages__body__contains=hel")
    dry, done, report, everything = manage.each(
        ("rotate_tokens", *words, "--dry-run"),
        ("rotate_tokens", *words, "--workers", "2"),
        ("rotate_tokens", "--report", "--format", "json", *words),
        ("rotate_tokens", "--report"),
        database_url=database_url,
    )
    assert "would rotate 100 of 100 pending rows" in dry.stdout
    assert done.returncode == 0, done.stderr
    assert changed(tickets) == set(range(3, 301, 3))
    assert "; 2,900 rows outside of it are still pending" in done.stdout
    values = json.loads(report.stdout)
    assert (report.returncode, values["pending"], values["pending_outside"]) == (3, 0, 2_900)
    assert (values["complete"], values["selection_complete"]) == (False, True)
    assert ": selection complete, 100 rows" in everything.stdout
    assert everything.returncode == 3


def test_before_a_rotation_every_listed_token_is_valid_and_afterwards_none(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 2_000)
    plain = write_list(tickets, tmp_path / "leaked.txt", "true")
    hashed = write_list(
        tickets, tmp_path / "hashed.txt", "true", "encode(sha256(token::text::bytea), 'hex')"
    )
    verify = [("verify_tokens", str(leaked)) for leaked in (plain, hashed)]
    *valid, rotated, one, other = manage.each(
        *(*verify, ("rotate_tokens",), *verify), database_url=database_url
    )
    for before in valid:
        assert before.returncode == 3
        assert "2,000 of them still open something" in before.stdout
    assert rotated.returncode == 0
    for after in (one, other):
        assert (after.returncode, after.stderr) == (0, "")
        assert "none of them opens anything" in after.stdout


def test_a_list_cannot_be_verified_before_there_is_a_table(
    manage: Manage, make_database: Callable[..., str], tmp_path: Path
) -> None:
    leaked = tmp_path / "leaked.txt"
    leaked.write_text("9f8e7d6c-5b4a-4321-8765-43210fedcba9\n")
    url = make_database(migrated_to="zero")
    refused = manage("verify_tokens", str(leaked), database_url=url)
    assert refused.returncode == 1
    assert refused.stderr == (
        "CommandError: There is no column tickets_ticket.token yet. Run: python manage.py migrate\n"
    )


def test_the_evidence_says_what_was_done_and_is_so_and_holds_no_token(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 300)
    leaked = write_list(tickets, tmp_path / "leaked.txt", "true")
    path = tmp_path / "evidence.json"
    done = manage("rotate_tokens", "--evidence", str(path), database_url=database_url)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    (entry,) = json.loads(text)["targets"]
    assert json.loads(text)["version"] == __version__
    assert entry["rotation"]["rotated_rows"] == 300
    assert entry["rotation"]["outcome"] == "complete"
    zero = entry["pending"]["everywhere"]
    assert zero["answer"] == value(tickets, zero["query"]) == 0
    assert entry["guard"]["holds"] is True
    assert entry["tables_looked_at"]["tables"] == ["public.tickets_ticket"]
    assert value(tickets, "SELECT pg_current_wal_lsn() >= %s::pg_lsn - 8192", entry["wal_position"])
    with tickets.cursor() as cursor:
        cursor.execute("SELECT token::text FROM tickets_ticket")
        fresh = {token for (token,) in cursor.fetchall()}
    assert not any(token in text for token in (*fresh, *leaked.read_text().split()))
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_evidence_that_could_not_be_written_ends_the_command_before_the_rotation(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    leak(tickets, 10)
    path = tmp_path / "missing" / "evidence.json"
    refused = manage("rotate_tokens", "--evidence", str(path), database_url=database_url)
    assert refused.returncode == 1
    assert "cannot be written" in refused.stderr
    assert pending(tickets) == 10
