"""The story: leak, migrate, take in a report, rotate, be killed, resume, tell owners, prove.

It runs the commands that an operator types, and believes only the database: an audit trigger
outside the application counts every change of a token.
"""

import time
from uuid import uuid4

from demonstration.evidence_keys import make_keys
from demonstration.mail_server import mail_server
from demonstration.output import chapter, fail, say, show
from demonstration.site import Site
from demonstration.sql import (
    AUDIT,
    HALF_WAY,
    PROOFS,
    REPORTED,
    REPORTED_AND_VALID,
    REQUESTERS,
    ROTATED,
)


class Story:
    """One run of the story with `size` tickets."""

    def __init__(self, site: Site, size: int) -> None:
        self._site = site
        self._size = size

    def play(self) -> None:
        self._site.leak(self._size)
        self._site.execute(AUDIT)
        leaked = self._site.value("SELECT count(*) FROM demo.leaked")
        say(f"The attacker's copy: {leaked:,} tokens.")
        say("An audit trigger of this demo now counts every change of a token.")

        self._site.migrate()
        self._site.execute(REQUESTERS)

        chapter(3, "somebody reports tokens that they found: these die at once")
        self._report()

        chapter(4, "rotate, and be killed half-way (SIGKILL)")
        self._rotate_until_killed()

        chapter(5, "type the same command again: it continues")
        self._site.manage("rotate_tokens")

        chapter(6, "requesters get their new links by mail, each once")
        self._tell_requesters()

        chapter(7, "where things stand, as signed evidence, which is verified")
        keys = make_keys(self._site.directory)
        self._site.manage("rotate_tokens", "--report", "--evidence", "evidence.json", env=keys)
        self._site.manage("verify_evidence", "evidence.json", env=keys)

        chapter(8, "the proof")
        self._prove()
        say("\nThe leak is closed: no leaked token opens anything any more.")

    def _report(self) -> None:
        found = [*self._site.column(REPORTED), uuid4()]  # the last one is no ticket's
        self._site.manage("report_leak", "-", typed="".join(f"{token}\n" for token in found))
        if self._site.value(REPORTED_AND_VALID):
            fail("a reported token is still valid")

    def _rotate_until_killed(self) -> None:
        # Small batches, and "a customer" locks the last ticket: so the rotation cannot be over
        # before it is killed.
        command = ["rotate_tokens", "--batch-rows", str(min(1000, self._size // 50))]
        show(command)
        customer = self._site.connect()
        customer.autocommit = False
        with customer.cursor() as cursor:
            cursor.execute("SELECT FROM tickets_ticket ORDER BY id DESC LIMIT 1 FOR UPDATE")
        process = self._site.start(*command)
        try:
            while not self._site.value(HALF_WAY) and process.poll() is None:
                time.sleep(0.002)
        finally:
            process.kill()
            process.wait()
            customer.close()
        while self._site.has_other_clients():  # the server may still run the last batch
            time.sleep(0.002)
        self._site.execute("INSERT INTO demo.killed VALUES (now())")
        rotated = self._site.value(ROTATED)
        say(f"\nKilled with {rotated:,} of {self._size:,} tickets rotated.")
        if not 0 < rotated < self._size:
            fail("the rotation was not killed half-way")

    def _tell_requesters(self) -> None:
        with mail_server() as server:
            self._site.manage("notify_owners", "--workers", "2", env=server.env)
            say(f"The demo's mail server took {server.mails:,} mails.")

    def _prove(self) -> None:
        failed = False
        for description, query, expected in PROOFS:
            found = self._site.value(query)
            wanted = self._size if expected is None else expected
            good = found == wanted
            failed = failed or not good
            verdict = "ok" if good else f"WRONG, must be {wanted:,}"
            say(f"{description + ':':<50} {found:>12,}  {verdict}")
        if failed:
            fail("the rotation did not keep its promise, see above")
