"""The story that scripts/demo plays: leak, migrate, rotate, be killed, resume, prove.

It runs the commands that an operator types, on an embedded server of its own, and believes only
what the database says: an audit trigger outside the application counts every token change.
"""

import argparse
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg2

MINIMUM_TICKETS = 100  # fewer are rotated before anyone can interrupt
PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from tickets.config.embedded import DATABASE_NAME  # noqa: E402
from tickets.config.embedded.cluster import PostgresCluster  # noqa: E402
from tickets.config.embedded.errors import ClusterError  # noqa: E402
from tickets.config.embedded.lease import ensure_server, keeper_lives  # noqa: E402

AUDIT = """
CREATE SCHEMA demo;
CREATE TABLE demo.leaked AS SELECT id, token FROM tickets_ticket;
CREATE TABLE demo.token_changes (id bigint NOT NULL, before_the_kill boolean NOT NULL);
CREATE TABLE demo.killed (at timestamptz);
CREATE FUNCTION demo.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO demo.token_changes SELECT NEW.id, NOT EXISTS (SELECT FROM demo.killed);
    RETURN NULL;
END $$;
CREATE TRIGGER demo_audit AFTER UPDATE ON tickets_ticket FOR EACH ROW
    WHEN (OLD.token IS DISTINCT FROM NEW.token) EXECUTE FUNCTION demo.audit();
"""
# The rotation goes by id: when the middle ticket is rotated, it is half-way.
HALF_WAY = """
SELECT token_rotated_at IS NOT NULL FROM tickets_ticket
ORDER BY id OFFSET (SELECT count(*) / 2 FROM demo.leaked) LIMIT 1
"""
ROTATED = "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NOT NULL"
OTHER_CLIENTS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
AND application_name <> 'demo'
"""
# What must be so in the end: description, query, expected value (None: the number of tickets).
PROOFS: list[tuple[str, str, int | None]] = [
    (
        "tickets whose leaked token has been replaced",
        (
            "SELECT count(*) FROM demo.leaked o JOIN tickets_ticket t USING (id)"
            " WHERE o.token <> t.token"
        ),
        None,
    ),
    (
        "leaked tokens still valid",
        "SELECT count(*) FROM demo.leaked o JOIN tickets_ticket t USING (token)",
        0,
    ),
    ("tokens unique", "SELECT count(DISTINCT token) FROM tickets_ticket", None),
    (
        "tickets still pending",
        "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL",
        0,
    ),
    (
        "rows rotated before the kill and again after it",
        (
            "SELECT count(*) FROM (SELECT id FROM demo.token_changes GROUP BY id"
            " HAVING bool_or(before_the_kill) AND NOT bool_and(before_the_kill)) AS twice"
        ),
        0,
    ),
    (
        "rows rotated more than once",
        (
            "SELECT count(*) FROM (SELECT id FROM demo.token_changes GROUP BY id"
            " HAVING count(*) > 1) AS twice"
        ),
        0,
    ),
]


class Demo:
    """One run of the story on the server in `var_directory`, with `size` tickets."""

    def __init__(self, var_directory: Path, size: int) -> None:
        self._directory = var_directory / "postgres"
        self._size = size
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name != "DATABASE_URL" and not name.startswith(("DJANGO_", "PG"))
        }
        self._env = {**inherited, "TICKETS_VAR_DIR": str(var_directory)}

    def play(self) -> None:
        chapter(1, "the old application: its schema, and tickets whose tokens have leaked")
        ensure_server(self._directory)  # for the whole story, not once for every command
        self._manage("migrate", "tickets", "0001", "--verbosity", "0")
        self._manage("seed_tickets", "--size", str(self._size))
        self._connection = self._connect()
        self._execute(AUDIT)
        say(f"The attacker's copy: {self._value('SELECT count(*) FROM demo.leaked'):,} tokens.")
        say("An audit trigger of this demo now counts every change of a token.")

        chapter(2, "the new release: marker column, guard triggers, partial index")
        self._manage("migrate", "--verbosity", "0")

        chapter(3, "rotate, and be killed half-way (SIGKILL: no time to clean up)")
        self._rotate_until_killed()

        chapter(4, "type the same command again: it goes on where the data says")
        self._manage("rotate_tokens")

        chapter(5, "where things stand")
        self._manage("rotate_tokens", "--report")

        chapter(6, "the proof, asked of the database")
        self._prove()

    def _rotate_until_killed(self) -> None:
        # Batches so small, and the last ticket locked by "a customer", so that the rotation
        # cannot be over before it is killed.
        command = ["rotate_tokens", "--batch-rows", str(min(1000, self._size // 50))]
        show(command)
        customer = self._connect()
        customer.autocommit = False
        with customer.cursor() as cursor:
            cursor.execute("SELECT FROM tickets_ticket ORDER BY id DESC LIMIT 1 FOR UPDATE")
        process = subprocess.Popen(command_line(command), env=self._env, cwd=PROJECT)
        try:
            while not self._value(HALF_WAY) and process.poll() is None:
                time.sleep(0.002)
        finally:
            process.kill()
            process.wait()
            customer.close()
        while self._value(OTHER_CLIENTS):  # the server may still be at the last batch
            time.sleep(0.002)
        self._execute("INSERT INTO demo.killed VALUES (now())")
        rotated = self._value(ROTATED)
        say(f"\nKilled with {rotated:,} of {self._size:,} tickets rotated.")
        if not 0 < rotated < self._size:
            fail("the rotation was not killed half-way")

    def _prove(self) -> None:
        failed = False
        for description, query, expected in PROOFS:
            found = self._value(query)
            wanted = self._size if expected is None else expected
            good = found == wanted
            failed = failed or not good
            verdict = "ok" if good else f"WRONG, must be {wanted:,}"
            say(f"{description + ':':<50} {found:>12,}  {verdict}")
        if failed:
            fail("the rotation did not keep its promise, see above")

    def _manage(self, *command: str) -> None:
        show(command)
        code = subprocess.call(command_line(command), env=self._env, cwd=PROJECT)
        if code != 0:
            fail(f"manage.py {command[0]} ended with exit code {code}")

    def _connect(self) -> Any:
        cluster = PostgresCluster(self._directory)
        connection = psycopg2.connect(cluster.url(DATABASE_NAME), application_name="demo")
        connection.autocommit = True
        return connection

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _value(self, query: str) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return int(cursor.fetchone()[0])


def chapter(number: int, title: str) -> None:
    print(f"\n=== {number}. {title}", flush=True)


def say(text: str) -> None:
    print(text, flush=True)


def show(command: Sequence[str]) -> None:
    print(f"$ manage.py {shlex.join(command)}", flush=True)


def command_line(command: Sequence[str]) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *command]


def fail(message: str) -> NoReturn:
    sys.exit(f"scripts/demo: {message}")


@contextmanager
def new_var_directory() -> Iterator[Path]:
    """Yield a directory for one demo; remove it at the end, and those of demos that were killed."""
    var = PROJECT / "var"
    var.mkdir(exist_ok=True)
    for killed in var.glob("demo-*"):
        if is_abandoned(killed):
            shutil.rmtree(killed, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=var))
    lock = os.open(directory, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)  # see is_abandoned
    try:
        yield directory
    finally:
        PostgresCluster(directory / "postgres").stop("immediate")
        shutil.rmtree(directory)
        os.close(lock)


def is_abandoned(directory: Path) -> bool:
    """Tell whether neither a demo nor a keeper lives in this demo's directory."""
    try:
        lock = os.open(directory, os.O_RDONLY)
    except OSError:  # another account's
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    postgres = directory / "postgres"  # not there yet when the demo was killed very early
    return not postgres.exists() or not keeper_lives(postgres)


def number_of_tickets(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < MINIMUM_TICKETS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least {MINIMUM_TICKETS}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("tickets", nargs="?", type=number_of_tickets, default=100_000)
    size = parser.parse_args().tickets
    try:
        with new_var_directory() as directory:
            Demo(directory, size).play()
    except ClusterError as error:
        fail(f"the embedded server does not work: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    say("\nThe leak is closed: no leaked token opens anything any more.")


if __name__ == "__main__":
    main()
