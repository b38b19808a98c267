"""One thread of the application: it writes tickets through Django, as a web worker would."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connection, transaction

from soaking.ledger import Content, Ledger
from soaking.violation import Violation

STATUSES = ("open", "waiting", "closed")
KEPT_INSTANCES = 200
LONGEST_PAUSE_SECONDS = 0.01
LONGEST_TRANSACTION_SECONDS = 0.2

# What a dying server, a lost connection or a full disk answers; anything else is an error that
# traffic met.
_LOST = ("57P01", "57P02", "57P03", "08006", "08003", "08000", "53100", None)


class Writer(Thread):
    """Writes rows of its own, and keeps instances for long so that their saves are stale."""

    def __init__(self, rows: Sequence[int], ledger: Ledger, random: Random, stop: Event) -> None:
        super().__init__(name="writer")
        self._rows = rows
        self._ledger = ledger
        self._random = random
        self._stop_asked = stop
        self._tickets: Any = apps.get_model("tickets", "Ticket")
        self._kept: list[Any] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        writes = (
            self._save_stale,
            self._save_stale,
            self._change_status,
            self._save_subject,
            self._write_as_old_code,
            self._write_two_rows,
            self._insert,
        )
        try:
            while not self._stop_asked.wait(self._random.uniform(0, LONGEST_PAUSE_SECONDS)):
                self._random.choice(writes)()
        except Exception as failure:  # noqa: BLE001  (handed to the round, which reports it)
            self.failure = failure
        finally:
            connection.close()

    def _save_stale(self) -> None:
        """Every column, from an instance read at some earlier time."""
        if len(self._kept) < KEPT_INSTANCES or self._random.random() < 0.1:
            self._attempt(lambda: self._kept.append(self._read(self._random.choice(self._rows))))
        if not self._kept:
            return
        ticket = self._kept.pop(self._random.randrange(len(self._kept)))
        ticket.subject, ticket.status = uuid4().hex, self._random.choice(STATUSES)
        self._write([ticket.pk], ticket.save, subject=ticket.subject, status=ticket.status)

    def _change_status(self) -> None:
        row, status = self._random.choice(self._rows), self._random.choice(STATUSES)
        rows = self._tickets.objects.filter(pk=row)
        self._write([row], lambda: rows.update(status=status), status=status)

    def _save_subject(self) -> None:
        row, subject = self._random.choice(self._rows), uuid4().hex

        def save() -> None:
            ticket = self._read(row)
            ticket.subject = subject
            ticket.save(update_fields=["subject"])

        self._write([row], save, subject=subject)

    def _write_as_old_code(self) -> None:
        """A stale save by code that does not know the marker."""
        if not self._kept:
            return
        ticket, subject = self._random.choice(self._kept), uuid4().hex
        rows = self._tickets.objects.filter(pk=ticket.pk)
        self._write(
            [ticket.pk],
            lambda: rows.update(subject=subject, status="open", token=ticket.token),
            subject=subject,
            status="open",
        )

    def _write_two_rows(self) -> None:
        """One transaction that holds its first row for a while, in any order of keys."""
        first, second = self._random.sample(self._rows, 2)
        status = self._random.choice(STATUSES)

        def write() -> None:
            with transaction.atomic():
                self._tickets.objects.filter(pk=first).update(status=status)
                time.sleep(self._random.uniform(0, LONGEST_TRANSACTION_SECONDS))
                self._tickets.objects.filter(pk=second).update(status=status)

        self._write([first, second], write, status=status)

    def _insert(self) -> None:
        ticket = self._tickets(subject=uuid4().hex, status="open", token=uuid4())
        inserted = self._attempt(ticket.save)
        self._ledger.note_insert(
            ticket.pk if inserted else None, Content(ticket.subject, ticket.status)
        )

    def _read(self, row: int) -> Any:
        return self._tickets.objects.get(pk=row)

    def _write(self, rows: list[int], write: Callable[[], Any], **written: str) -> None:
        acknowledged = self._attempt(write)
        for row in rows:
            self._ledger.note(row, written, acknowledged=acknowledged)

    def _attempt(self, action: Callable[[], Any]) -> bool:
        """Whether it was acknowledged; False when the connection was lost."""
        try:
            action()
        except (DatabaseError, InterfaceError) as error:
            sqlstate = getattr(error.__cause__, "pgcode", None)
            if sqlstate not in _LOST:
                raise Violation(f"traffic met an error: SQLSTATE {sqlstate}") from None
            connection.close()
            self._stop_asked.wait(0.05)
            return False
        return True
