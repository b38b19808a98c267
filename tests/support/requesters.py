"""Requesters of leaked tickets, who are told of their new links."""

import re
from subprocess import Popen
from typing import Any

from tests.support.leaked import leak, value
from tests.support.mail_server import MailServer
from tests.support.manage import Manage

UNTOLD = (
    "SELECT count(*) FROM tickets_ticket "
    "WHERE requester_email IS NOT NULL AND token_notified_at IS DISTINCT FROM token_rotated_at"
)
DEAD_LINKS = (
    "SELECT count(*) FROM unnest(%s::bigint[], %s::uuid[]) AS mail (id, token) "
    "LEFT JOIN tickets_ticket AS ticket USING (id, token) WHERE ticket.id IS NULL"
)
LINK = re.compile(r"https://tickets\.example/t/([0-9a-f-]{36})/")


class Requesters:
    """Leaks tickets, and runs commands on them; keeps all that the commands say."""

    def __init__(self, manage: Manage, database_url: str, tickets: Any, server: MailServer) -> None:
        self._manage = manage
        self._url = database_url
        self.tickets = tickets
        self.server = server
        self.said: list[str] = []

    def leak(self, rows: int) -> None:
        """Leak this many tickets, each with a requester."""
        leak(self.tickets, rows)
        self.execute("UPDATE tickets_ticket SET requester_email = 'owner' || id || '@example.org'")

    def execute(self, statement: str) -> None:
        with self.tickets.cursor() as cursor:
            cursor.execute(statement)

    def rotate(self, *flags: str) -> None:
        self.run("rotate_tokens", "--vacuum-every", "0", *flags)

    def run(self, *words: str, expecting: int = 0) -> str:
        """Run a command to its end; return what it says."""
        ended = self._manage(*words, database_url=self._url, env=self.variables, timeout=600)
        self.said += [ended.stdout, ended.stderr]
        assert ended.returncode == expecting, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def start(self, *words: str) -> Popen[str]:
        return self._manage.start(*words, database_url=self._url, env=self.variables)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "tests.acceptance.owners.loud_settings",
            "SITE_URL": "https://tickets.example",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.server.port),
        }

    @property
    def untold(self) -> int:
        rows: int = value(self.tickets, UNTOLD)
        return rows

    @property
    def links(self) -> list[tuple[int, str]]:
        """The ticket and the token of each mail."""
        return [
            (int(re.sub(r"\D", "", mail["to"])), token)
            for mail in self.server.mails
            for token in LINK.findall(mail["body"])
        ]

    def dead_links(self) -> int:
        """Return how many mails hold a token that is not that of their ticket."""
        ids, tokens = zip(*self.links, strict=True)
        dead: int = value(self.tickets, DEAD_LINKS, list(ids), list(tokens))
        return dead
