"""Requesters are told of their new links by mail, each once, whatever fails meanwhile."""

import json
import os
import sys
import time
from collections import Counter

from tests.support.leaked import column, value
from tests.support.requesters import Requesters
from tests.support.told_tokens import stored_elsewhere, tokens_in
from tests.support.waiting import until

OWNERS = int(os.environ.get("OWNERS_TOLD", "2000"))
DOWN_SECONDS = float(os.environ.get("MAIL_SERVER_DOWN_SECONDS", "0"))
KILLS, BATCH, WORKERS = 5, 50, 2
TELL = ("notify_owners", "tickets.Ticket")
BRISKLY = (*TELL, "--workers", str(WORKERS), "--batch", str(BATCH))
UNFINISHED = 3


def kill_five_times(requesters: Requesters) -> None:
    rate = str(max(400, OWNERS // 10))
    for _ in range(KILLS):
        before = requesters.server.count
        running = requesters.start(*BRISKLY, "--max-per-second", rate)
        until(lambda before=before: requesters.server.count > before + BATCH)
        running.kill()
        requesters.said += running.communicate()
    assert requesters.untold > 0


def tell_while_the_server_is_down(requesters: Requesters) -> None:
    requesters.server.stop()
    running = requesters.start(*BRISKLY)
    assert running.stderr is not None
    until(lambda: "trying again" in running.stderr.readline())
    time.sleep(DOWN_SECONDS)
    requesters.server.start()
    said = running.communicate(timeout=600)
    requesters.said += said
    assert running.returncode == 0, said


def test_owners_are_told_through_kills_and_faults_of_the_mail_server(
    requesters: Requesters,
) -> None:
    requesters.leak(OWNERS)
    leaked = column(requesters.tickets, "SELECT token::text FROM leaked")
    requesters.rotate()
    began_at = time.monotonic()
    kill_five_times(requesters)
    tell_while_the_server_is_down(requesters)
    seconds = time.monotonic() - began_at

    mails = requesters.server.mails
    to = Counter(mail["to"] for mail in mails)
    assert len(to) == OWNERS
    assert len(mails) - OWNERS <= KILLS * BATCH + WORKERS, "the server's end: one a connection"
    assert len({mail["key"] for mail in mails}) == OWNERS, "one told twice has the same key"
    assert len(requesters.links) == len(mails)
    assert requesters.dead_links() == 0
    assert requesters.untold == 0
    sys.stdout.write(f"{OWNERS:,} owners, {len(mails) - OWNERS} mails twice, {seconds:.1f} s\n")

    new = column(requesters.tickets, "SELECT token::text FROM tickets_ticket")
    assert tokens_in([str(mail) for mail in mails], beginnings(leaked)) == []
    requesters.execute("DROP TABLE leaked")
    secrets = beginnings([*leaked, *new])
    written = [*requesters.said, *stored_elsewhere(requesters.tickets)]
    assert tokens_in([*written, *(mail["headers"] for mail in mails)], secrets) == []
    assert sum(events(requesters.said)) >= OWNERS - KILLS * BATCH


def beginnings(tokens: list[str]) -> set[str]:
    return {token.replace("-", "")[:12] for token in tokens}


def events(said: list[str]) -> list[int]:
    """The owners told of each security event."""
    lines = [line for text in said for line in text.splitlines() if "token_owner_told" in line]
    return [json.loads(line[line.index("{") :])["told"] for line in lines]


def test_a_refused_owner_is_reported_and_tried_again_when_asked_to(requesters: Requesters) -> None:
    requesters.leak(6)
    requesters.execute(
        "UPDATE tickets_ticket SET requester_email = 'never' || id || '@example.org' WHERE id = 2;"
        "UPDATE tickets_ticket SET requester_email = 'later' || id || '@example.org' WHERE id = 3;"
        "UPDATE tickets_ticket SET requester_email = NULL WHERE id = 4"
    )
    refused = requesters.run(*TELL, "--report", "--canary", "1", expecting=1)
    assert "are for a run in this process. Nothing was done." in refused
    assert "6 not rotated" in requesters.run(*TELL, "--report", expecting=UNFINISHED)
    requesters.rotate()
    dry = requesters.run(*TELL, "--dry-run", expecting=UNFINISHED)
    assert "0 told or new, 5 to be told, 0 refused" in dry
    assert "1 without an owner to tell. Nobody was told" in dry
    assert "Canary: 1 owner told" in requesters.run(*TELL, "--canary", "1", expecting=UNFINISHED)
    said = requesters.run(*TELL, expecting=UNFINISHED)
    assert "3 told or new, 1 to be told, 1 refused, 0 not rotated, 1 without" in said
    assert "1 owners refused: SMTP 550" in said
    requesters.execute("UPDATE tickets_ticket SET requester_email = 'owner@example.org'")
    assert "2 owners told" in requesters.run(*TELL, expecting=UNFINISHED)
    assert "6 told or new, 0 to be told, 0 refused" in requesters.run(*TELL, "--again")
    assert "0 owners told" in requesters.run(*TELL)
    assert requesters.server.count == 6


def test_owners_are_told_while_the_rotation_runs_and_a_stop_is_heard(
    requesters: Requesters,
) -> None:
    requesters.leak(600)
    requesters.run("rotate_tokens", "--limit", "300", expecting=UNFINISHED)
    telling = requesters.start(*TELL, "--batch", "10", "--max-per-second", "100")
    until(lambda: requesters.server.count > 0)
    requesters.rotate()
    assert "Asked 1 run of notify_owners tickets.Ticket to stop" in requesters.run(*TELL, "--stop")
    said = telling.communicate(timeout=60)
    assert telling.returncode == UNFINISHED, said
    assert "To go on: python manage.py notify_owners tickets.Ticket" in said[0]
    requesters.run(*TELL)
    assert Counter(mail["to"] for mail in requesters.server.mails).most_common(1)[0][1] == 1
    assert (requesters.server.count, requesters.dead_links()) == (600, 0)


def test_a_marker_is_reset_by_no_stale_write_and_new_owners_are_not_told(
    requesters: Requesters,
) -> None:
    requesters.leak(1)
    requesters.rotate()
    requesters.run(*TELL)
    told = "SELECT token_notified_at = token_rotated_at FROM tickets_ticket WHERE id = 1"
    for stale in ("NULL", "'-infinity'", "'infinity'", "clock_timestamp()"):
        requesters.execute(f"UPDATE tickets_ticket SET token_notified_at = {stale}")
        assert value(requesters.tickets, told)
    requesters.execute(
        "UPDATE tickets_ticket SET token_rotated_at = NULL, token_notified_at = NULL"
    )
    kept = "SELECT token_notified_at IS NOT NULL FROM tickets_ticket WHERE id = 1"
    assert value(requesters.tickets, kept)
    requesters.rotate()
    assert requesters.untold == 1
    requesters.execute(
        "INSERT INTO tickets_ticket (id, subject, status, created_at, requester_email, "
        "token_notified_at) VALUES (2, 'new', 'open', now(), 'new@example.org', NULL)"
    )
    assert requesters.untold == 1


def test_nobody_is_told_while_a_trigger_does_not_keep_who_was(requesters: Requesters) -> None:
    requesters.leak(3)
    requesters.rotate()
    requesters.run(*TELL, "--canary", "1", expecting=UNFINISHED)
    name = value(
        requesters.tickets,
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'tickets_ticket'::regclass "
        "AND tgname LIKE '%notice_update%'",
    )
    requesters.execute(f"ALTER TABLE tickets_ticket DISABLE TRIGGER {name}")
    enable = "python manage.py pgtrigger enable tickets.Ticket:notice_update_token_notified_at"
    said = requesters.run(*TELL, expecting=1)
    assert "is disabled, so owners may be told twice. Run: " + enable in said
    assert "To go on: python manage.py notify_owners tickets.Ticket" in said
    assert enable in requesters.run(*TELL, "--report", expecting=UNFINISHED)
    assert requesters.server.count == 1

    requesters.execute(f"DROP TRIGGER {name} ON tickets_ticket")
    assert "is missing, so" in requesters.run(*TELL, expecting=1)
    assert requesters.server.count == 1
    requesters.run("pgtrigger", "install")
    requesters.run(*TELL)
    assert requesters.server.count == 3


def test_before_its_migrations_the_report_says_what_to_type(requesters: Requesters) -> None:
    requesters.execute("ALTER TABLE tickets_ticket DROP COLUMN token_notified_at CASCADE")
    for words in ((), ("--report",), ("--dry-run",)):
        said = requesters.run(*TELL, *words, expecting=1)
        assert "has no column token_notified_at yet. Run: python manage.py migrate" in said
