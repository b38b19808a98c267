"""Nothing that a rotation prints or stores holds a token: not through any fault either."""

import signal
from collections.abc import Callable, Sequence
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.leaked import pending, value
from tests.support.manage import Manage
from tests.support.told_tokens import stored_elsewhere, tokens_in
from tests.support.waiting import until

ROWS = 2_000

# Every token that was ever valid.
SECRETS = """
CREATE TABLE secrets (token uuid NOT NULL);
INSERT INTO secrets SELECT token FROM tickets_ticket;
CREATE FUNCTION note_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO secrets VALUES (NEW.token);
    RETURN NULL;
END $$;
CREATE TRIGGER note_secret AFTER INSERT OR UPDATE ON tickets_ticket
FOR EACH ROW EXECUTE FUNCTION note_secret();
"""

# Its name lets it fire before the guard: a later one would be refused. The first pending row is
# the one.
BREAK = """
CREATE FUNCTION a_break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {body}
    RETURN NEW;
END $$;
CREATE TRIGGER a_break BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = {row}) EXECUTE FUNCTION a_break();
"""
REFUSED = (
    "(SELECT count(*) FROM token_rotation_operation WHERE output_data->>'outcome' = 'rows_refused')"
)
MEND = "DROP FUNCTION a_break CASCADE"

COLLIDE = "NEW.token := (SELECT token FROM tickets_ticket WHERE id <> OLD.id LIMIT 1);"
BREAKDOWNS = {
    "a token that is taken": COLLIDE,
    "a CHECK that fails, with the row in its DETAIL": "NEW.subject := 'forbidden';",
    "a NOT NULL that fails, with the row in its DETAIL": "NEW.status := NULL;",
    "text that is no token, in the message": "NEW.token := OLD.token::text || 'x';",
    "a trigger that quotes the token": "RAISE EXCEPTION 'ticket % is frozen', OLD.token;",
    "one that quotes it in DETAIL and HINT": (
        "RAISE EXCEPTION 'frozen' USING DETAIL = OLD.token::text, HINT = OLD.token::text;"
    ),
}


class Story:
    """Runs commands on one database and keeps all that they say."""

    def __init__(self, manage: Manage, database_url: str, tickets: Any) -> None:
        self._manage = manage
        self._database_url = database_url
        self.tickets = tickets
        self.said: list[str] = []

    def run(self, *args: str) -> "CompletedProcess[str]":
        done = self._manage(*args, database_url=self._database_url)
        self.said += [done.stdout, done.stderr]
        return done

    def each(self, *commands: Sequence[str], expecting: Sequence[int]) -> None:
        """One after another, with nothing in between."""
        ended = self._manage.each(*commands, database_url=self._database_url)
        self.said += [text for done in ended for text in (done.stdout, done.stderr)]
        assert [done.returncode for done in ended] == list(expecting), ended

    def rotate(self, *args: str, expecting: int) -> None:
        done = self.run("rotate_tokens", *args)
        assert done.returncode == expecting, done.stdout + done.stderr

    def interrupt(self, interruption: Callable[[Any], object], *args: str) -> int:
        """Do something to a run that is at work; its exit code."""
        before = pending(self.tickets)
        process = self._manage.start(
            *("rotate_tokens", "--batch-rows", "20", "--pause-seconds", "0.05", *args),
            database_url=self._database_url,
        )
        until(lambda: pending(self.tickets) < before)
        interruption(process)
        self.said += process.communicate(timeout=120)
        return int(process.returncode)

    def execute(self, statements: str) -> None:
        with self.tickets.cursor() as cursor:
            cursor.execute(statements)

    def first_pending(self) -> int:
        row: int = value(
            self.tickets, "SELECT min(id) FROM tickets_ticket WHERE token_rotated_at IS NULL"
        )
        return row


@pytest.fixture
def story(
    manage: Manage, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> Story:
    url = make_database("0001")
    return Story(manage, url, connect(url))


def kill_backends(story: Story) -> None:
    story.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def play_to_the_end(story: Story, connect: Callable[[str], Any]) -> None:
    assert story.run("seed_tickets", "--size", str(ROWS)).returncode == 0
    story.execute(SECRETS)
    story.rotate(expecting=1)  # not migrated yet
    story.each(
        ("migrate",),
        ("check", "--database", "default"),
        ("rotate_tokens", "--dry-run"),
        *(
            ("rotate_tokens", "--report", "--format", format_, "--exact")
            for format_ in ("text", "json", "csv")
        ),
        ("rotate_tokens", "--limit", "100", "--progress", "json"),
        expecting=(0, 0, 3, 3, 3, 3, 3),
    )

    assert story.interrupt(lambda process: process.kill()) == -signal.SIGKILL
    assert story.interrupt(lambda process: process.terminate()) == 3
    stop_twice = [signal.SIGTERM, signal.SIGINT]
    ended = story.interrupt(lambda process: [process.send_signal(one) for one in stop_twice])
    assert ended in (3, -signal.SIGINT)  # the second may come when all was said
    assert story.interrupt(lambda _: kill_backends(story), "--limit", "200") == 3
    assert story.interrupt(lambda _: story.run("rotate_tokens", "--stop")) == 3

    break_down(story)

    holder = connect(story.tickets.dsn)
    holder.autocommit = False
    value(holder, "SELECT id FROM tickets_ticket WHERE id = %s FOR UPDATE", story.first_pending())
    story.rotate("--wait-for-locks", "0.5", "--progress", "lines", expecting=3)
    holder.rollback()
    twice = f"IF nextval('failures') <= 2 THEN {COLLIDE} END IF;"
    story.execute("CREATE SEQUENCE failures;" + BREAK.format(body=twice, row=story.first_pending()))
    story.each(
        ("rotate_tokens", "--progress", "json"),  # the row is found by halving, and mended
        ("rotate_tokens",),
        ("rotate_tokens", "--report"),
        expecting=(0, 0, 0),
    )


def break_down(story: Story) -> None:
    """Errors of a row, for each of which PostgreSQL quotes the token or could do so.

    Each run meets the next of them, by the number of runs that were refused the row.
    """
    before = value(story.tickets, f"SELECT {REFUSED}")
    cases = enumerate(BREAKDOWNS.values(), before)
    bodies = "".join(f"WHEN {number} THEN {body} " for number, body in cases)
    story.execute(
        "ALTER TABLE tickets_ticket ADD CONSTRAINT allowed CHECK (subject <> 'forbidden') NOT VALID"
    )
    story.execute(
        BREAK.format(body=f"CASE {REFUSED} {bodies} END CASE;", row=story.first_pending())
    )
    times = len(BREAKDOWNS)
    story.each(*[("rotate_tokens", "--batch-rows", "20")] * times, expecting=[3] * times)
    assert value(story.tickets, f"SELECT {REFUSED}") == before + times
    story.execute(MEND)


def test_no_token_in_anything_printed_or_stored_through_a_whole_story_of_faults(
    story: Story, connect: Callable[[str], Any]
) -> None:
    play_to_the_end(story, connect)

    with story.tickets.cursor() as cursor:
        cursor.execute("SELECT token::text FROM secrets")
        tokens = [token for (token,) in cursor.fetchall()]
    assert len(set(tokens)) >= 2 * ROWS
    secrets = {token.replace("-", "")[:12] for token in tokens}
    assert tokens_in([f"Key (token)=({tokens[0]})", tokens[-1].replace("-", "")[:20]], secrets)

    assert sum(map(bool, story.said)) > 20
    assert tokens_in(story.said, secrets) == []
    assert tokens_in(stored_elsewhere(story.tickets), secrets) == []
