"""Reported tokens die at once while a rotation is at work, and no row is rotated twice."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any

from tests.support.leaked import assert_each_token_changed_once, column, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 6_000
EVERY = 10
SLOWLY = ("--batch-rows", "100", "--max-rows-per-second", "1000", "--workers", "2")


def test_tokens_reported_in_mid_rotation_are_dead_at_the_answer_and_each_row_changed_once(
    manage: Manage, database_url: str, connect: Callable[[str], Any], tmp_path: Path
) -> None:
    tickets = connect(database_url)
    leak(tickets, ROWS)
    reported = f"SELECT token::text FROM leaked WHERE id % {EVERY} = 0 AND id > %s"
    rotating: Popen[str] = manage.start(
        "rotate_tokens", "--vacuum-every", "0", *SLOWLY, database_url=database_url
    )
    for part in (ROWS // 4, 0):  # those ahead of it, then also those behind it
        until(lambda: pending(tickets) < ROWS - 100)
        listed = tmp_path / f"reported-{part}.txt"
        tokens = column(tickets, reported.replace("%s", str(part)))
        listed.write_text("".join(f"{token}\n" for token in tokens))

        answer: CompletedProcess[str] = manage(
            "report_leak", str(listed), database_url=database_url
        )

        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert rotating.poll() is None, "it still rotates"
        alive = "SELECT count(*) FROM tickets_ticket WHERE token::text = ANY(%s)"
        assert value(tickets, alive, tokens) == 0

    said = rotating.communicate(timeout=120)
    assert rotating.returncode == 0, said
    assert_each_token_changed_once(tickets)
