"""One customer with tickets of its own: reads, saves, creates, and tries links that are dead."""

import random
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from typing import Any

from tests.support import driver
from tests.support.load.counts import Counts
from tests.support.load.http import Login, exchange_json
from tests.support.load.route import Balancer, Route

# Shares of the requests, in percent.
SHARES = {"read": 55, "save": 25, "create": 10, "try a dead link": 10}
STATUSES = ("open", "waiting", "closed")


@dataclass
class Held:
    """A ticket that only this customer writes: its link, and what the last answers said of it."""

    id: int
    token: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)


class Customer(threading.Thread):
    """Sends one request every `interval_seconds`; latency counts from when it was due."""

    def __init__(
        self,
        number: int,
        tickets: list[Held],
        *,
        balancer: Balancer,
        counts: Counts,
        login: Login,
        database_url: str,
        interval_seconds: float,
    ) -> None:
        super().__init__(name=f"customer {number}")
        self.tickets = tickets
        self.seen_route = -1
        self._stop_asked = threading.Event()
        self._balancer, self._counts, self._login = balancer, counts, login
        self._database = driver.connect(database_url)
        self._database.autocommit = True
        self._interval_seconds = interval_seconds
        self._chance = random.Random(number)
        self._texts = (f"Customer {number}, change {each}" for each in count())

    def ask_to_stop(self) -> None:
        self._stop_asked.set()

    def run(self) -> None:
        due = time.monotonic()
        while not self._stop_asked.wait(max(0, due - time.monotonic())):
            route = self._balancer.route
            self.seen_route = route.number
            (operation,) = self._chance.choices(list(SHARES), list(SHARES.values()))
            failure = self._try(operation, route)
            latency_ms = (time.monotonic() - due) * 1000
            self._counts.add(route.phase, operation, latency_ms, failure)
            due += self._interval_seconds
        self._database.close()

    def _try(self, operation: str, route: Route) -> str | None:
        """Return what went wrong, without a token."""
        port, ticket = self._chance.choice(route.ports), self._chance.choice(self.tickets)
        try:
            if operation == "create":
                return self._create(port, route.phase)
            if operation == "save":
                return self._save(port, ticket)
            if operation == "try a dead link" and ticket.dead:
                return self._try_dead_link(port, ticket)
            return self._read(port, ticket)
        except (OSError, HTTPException, ValueError) as error:
            return f"{type(error).__name__}: {error}"

    def _create(self, port: int, phase: str) -> str | None:
        fields = {"subject": next(self._texts), "status": self._chance.choice(STATUSES)}
        status, shown = exchange_json(port, "POST", "/tickets/", fields, self._login.headers)
        if status != 201:
            return f"status {status}"
        handed_out = shown["link"].rstrip("/").rpartition("/")[2]
        ticket = Held(shown["id"], self._stored_token(shown["id"]), fields)
        if ticket.token != handed_out:
            ticket.dead.append(handed_out)
            self._counts.count(f"links dead on arrival during {phase!r}")
        self.tickets.append(ticket)
        return None

    def _save(self, port: int, ticket: Held) -> str | None:
        fields = {"subject": next(self._texts)}
        if self._chance.random() < 0.5:
            fields["status"] = self._chance.choice(STATUSES)
        status, shown = exchange_json(port, "POST", f"/t/{ticket.token}/", fields, {})
        if status == 200:
            ticket.acknowledged.update(fields)
        return self._judge(ticket, status, shown)

    def _read(self, port: int, ticket: Held) -> str | None:
        status, shown = exchange_json(port, "GET", f"/t/{ticket.token}/", None, {})
        return self._judge(ticket, status, shown)

    def _try_dead_link(self, port: int, ticket: Held) -> str | None:
        dead = self._chance.choice(ticket.dead)
        status, _ = exchange_json(port, "GET", f"/t/{dead}/", None, {})
        return None if status == 404 else f"a dead link was answered with {status}"

    def _judge(self, ticket: Held, status: int, shown: dict[str, Any]) -> str | None:
        if status == 404:
            return self._ask_for_the_new_link(ticket)
        if status != 200:
            return f"status {status}"
        expected = {"id": ticket.id, **ticket.acknowledged}
        differing = [name for name in expected if shown[name] != expected[name]]
        return f"ticket {ticket.id} shows another {differing}" if differing else None

    def _ask_for_the_new_link(self, ticket: Held) -> str | None:
        """404 is the right answer if the database has another token for the ticket by now."""
        token = self._stored_token(ticket.id)
        if token == ticket.token:
            return f"status 404 for the valid link of ticket {ticket.id}"
        self._counts.count("links rotated")
        ticket.dead.append(ticket.token)
        ticket.token = token
        return None

    def _stored_token(self, ticket_id: int) -> str:
        with self._database.cursor() as cursor:
            cursor.execute("SELECT token::text FROM tickets_ticket WHERE id = %s", [ticket_id])
            (token,) = cursor.fetchone()
        return str(token)
