"""Whatever the application writes between, during and after rotations, every promise holds.

Hypothesis plays random interleavings on a real database. What the guard's truth table lets through
on purpose is left out by construction: a writer who brings an old token together with a marker that
counts as new. That is no stale save of a rotated row: the statement spells an old token out and
dates it itself.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.conftest import ALIAS
from tests.support.rotations import RotationFactory
from tickets.models import Ticket
from token_rotation.engine.result import Outcome
from token_rotation.selection.target import Target
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens, SqlTokens, TokenSource

LOCK_TIMEOUT_MS = 5
MOST_OPEN_TRANSACTIONS = 2
WRITTEN_FIELDS = ("subject", "token", "token_rotated_at")
UPSERTS = (
    "subject = EXCLUDED.subject",
    "subject = EXCLUDED.subject, token = EXCLUDED.token",
    (
        "subject = EXCLUDED.subject, token = EXCLUDED.token,"
        " token_rotated_at = EXCLUDED.token_rotated_at"
    ),
    "subject = EXCLUDED.subject, token = %(token)s",
    "subject = EXCLUDED.subject, token = %(token)s, token_rotated_at = NULL",
)

any_index = st.integers(0, 50)


class Row(NamedTuple):
    """What is stored and committed."""

    subject: str
    token: UUID
    marker: datetime | None


class OpenTransaction(NamedTuple):
    """One that has locked ``row``, if any; ``subject`` is what its COMMIT makes of the row."""

    connection: Any
    row: int | None
    subject: str | None


class Interleavings(RuleBasedStateMachine):
    """Rows are chosen by index, so that examples shrink."""

    def __init__(
        self, tickets: Any, begin: Callable[[], Any], make_rotation: RotationFactory
    ) -> None:
        super().__init__()
        self.tickets = tickets
        self.begin = begin
        self.make_rotation = make_rotation
        self.rows: dict[int, Row] = {}
        self.touched: set[int] = set()
        self.subjects: dict[int, str] = {}
        self.tokens: dict[int, list[UUID]] = {}
        self.markers: dict[int, list[datetime]] = {}
        self.kept: list[Any] = []
        self.open: list[OpenTransaction] = []
        self.written = 0

    @initialize(leaked=st.integers(1, 5), fresh=st.integers(0, 2))
    def start(self, leaked: int, fresh: int) -> None:
        self.sql("TRUNCATE tickets_ticket RESTART IDENTITY CASCADE")
        for _ in range(leaked + fresh):
            self.insert_as_old_code()
        self.sql("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id <= %s", leaked)
        self.rows = self.look()
        self.remember()
        self.touched = set()

    def teardown(self) -> None:
        for transaction in self.open:
            transaction.connection.rollback()

    # The application's writes

    @rule(index=any_index)
    def read(self, index: int) -> None:
        self.kept.append(self.table.get(pk=self.choose(list(self.rows), index)))

    @precondition(lambda self: self.kept)
    @rule(index=any_index)
    def save_stale(self, index: int) -> None:
        stale = self.choose(self.kept, index)
        if stale.pk in self.free:
            stale.subject = self.new_subject(stale.pk)
            stale.save()

    @precondition(lambda self: self.kept)
    @rule(index=any_index, fields=st.sets(st.sampled_from(WRITTEN_FIELDS), min_size=1))
    def save_some_stale_fields(self, index: int, fields: set[str]) -> None:
        stale = self.choose(self.kept, index)
        if stale.pk in self.free:
            if "subject" in fields:
                stale.subject = self.new_subject(stale.pk)
            self.touched.add(stale.pk)
            stale.save(update_fields=fields)

    @precondition(lambda self: self.kept)
    @rule(index=any_index, old=any_index, fields=st.sampled_from([None, ["subject", "token"]]))
    def wish_for_an_old_token(self, index: int, old: int, fields: list[str] | None) -> None:
        """As a form does that was opened before the rotation."""
        wishing = self.choose(self.kept, index)
        if wishing.pk not in self.free:
            return
        sent, loaded = self.choose(self.tokens[wishing.pk], old), wishing.token
        wishing.token, wishing.subject = sent, self.new_subject(wishing.pk)
        wishing.save(update_fields=fields)
        if sent not in {loaded, self.rows[wishing.pk].token}:
            after = self.look()[wishing.pk]
            assert (wishing.token, wishing.token_rotated_at) == (after.token, after.marker)
            assert after.token not in self.tokens[wishing.pk], "a wish brought an old token back"
            assert after.marker is not None, "a wish is no rotation"

    @precondition(lambda self: self.kept)
    @rule(indexes=st.lists(any_index, min_size=1, max_size=3))
    def write_stale_rows_as_other_code(self, indexes: list[int]) -> None:
        chosen = {stale.pk: stale for stale in (self.choose(self.kept, i) for i in indexes)}
        for one in chosen.values():
            if self.may_write(one.pk, one.token, one.token_rotated_at):
                self.sql(
                    "UPDATE tickets_ticket SET subject = %s, token = %s, token_rotated_at = %s"
                    " WHERE id = %s",
                    self.new_subject(one.pk),
                    one.token,
                    one.token_rotated_at,
                    one.pk,
                )

    @precondition(lambda self: self.free)
    @rule(index=any_index)
    def update_subject(self, index: int) -> None:
        row = self.choose(self.free, index)
        self.table.filter(pk=row).update(subject=self.new_subject(row))

    @precondition(lambda self: self.free)
    @rule(index=any_index, old=any_index, marker=st.sampled_from(["not written", "NULL", "old"]))
    def update_to_an_old_token(self, index: int, old: int, marker: str) -> None:
        row = self.choose(self.free, index)
        values: dict[str, Any] = {"token": self.choose(self.tokens[row], old)}
        if marker == "NULL":
            values["token_rotated_at"] = None
        elif marker == "old" and self.markers[row]:
            values["token_rotated_at"] = self.choose(self.markers[row], old)
        written = values.get("token_rotated_at", self.rows[row].marker)
        if self.may_write(row, values["token"], written):
            columns = "".join(f", {name} = %s" for name in values)
            self.sql(
                f"UPDATE tickets_ticket SET subject = %s{columns} WHERE id = %s",
                self.new_subject(row),
                *values.values(),
                row,
            )

    @precondition(lambda self: self.free)
    @rule(index=any_index, old=any_index)
    def update_or_create_with_an_old_token(self, index: int, old: int) -> None:
        row = self.choose(self.free, index)
        token = self.choose(self.tokens[row], old)
        self.table.update_or_create(
            pk=row, defaults={"subject": self.new_subject(row), "token": token}
        )

    @precondition(lambda self: self.free)
    @rule(index=any_index, old=any_index)
    def write_an_old_token_as_old_code(self, index: int, old: int) -> None:
        row = self.choose(self.free, index)
        self.sql(
            "UPDATE tickets_ticket SET subject = %s, status = 'open', token = %s WHERE id = %s",
            self.new_subject(row),
            self.choose(self.tokens[row], old),
            row,
        )

    @precondition(lambda self: self.free)
    @rule(
        index=any_index,
        old=any_index,
        written=st.sampled_from(UPSERTS),
    )
    def upsert(self, index: int, old: int, written: str) -> None:
        row = self.choose(self.free, index)
        values = {
            "row": row,
            "subject": self.new_subject(row),
            "token": self.choose(self.tokens[row], old),
        }
        with self.tickets.cursor() as cursor:
            cursor.execute(
                "INSERT INTO tickets_ticket (id, subject, status, created_at, token)"
                " VALUES (%(row)s, %(subject)s, 'open', now(), %(token)s)"
                f" ON CONFLICT (id) DO UPDATE SET {written}",
                values,
            )

    @rule(index=any_index)
    def insert(self, index: int) -> None:
        """With a token that is another row's: the guard must not let the INSERT use it."""
        taken = self.choose(list(self.rows.values()), index).token
        ticket = Ticket(subject="new", token=taken)
        ticket.save(using=ALIAS)
        self.subjects[ticket.pk] = ticket.subject
        self.touched.add(ticket.pk)

    @rule()
    def insert_as_old_code(self) -> None:
        self.written += 1
        self.sql(
            "INSERT INTO tickets_ticket (subject, status, created_at, token)"
            " VALUES (%s, 'open', now(), %s)",
            f"inserted {self.written}",
            uuid4(),
        )

    @precondition(lambda self: self.free)
    @rule(index=any_index)
    def rotate_in_the_application(self, index: int) -> None:
        row = self.choose(self.free, index)
        self.touched.add(row)
        self.sql(
            "UPDATE tickets_ticket SET token = %s, token_rotated_at = now() WHERE id = %s",
            uuid4(),
            row,
        )

    @precondition(lambda self: self.free)
    @rule(index=any_index)
    def ask_again(self, index: int) -> None:
        row = self.choose(self.free, index)
        self.touched.add(row)
        self.table.filter(pk=row).update(token_rotated_at=None)

    # Transactions that stay open while other steps are made

    @precondition(lambda self: self.free and len(self.open) < MOST_OPEN_TRANSACTIONS)
    @rule(
        index=any_index,
        old=any_index,
        kind=st.sampled_from(["lock", "key share", "write", "stale", "ask again", "insert"]),
    )
    def leave_a_transaction_open(self, index: int, old: int, kind: str) -> None:
        row, subject = self.choose(self.free, index), None
        connection = self.begin()
        with connection.cursor() as cursor:
            if kind == "lock":
                cursor.execute("SELECT FROM tickets_ticket WHERE id = %s FOR UPDATE", [row])
            elif kind == "key share":
                cursor.execute("SELECT FROM tickets_ticket WHERE id = %s FOR KEY SHARE", [row])
            elif kind == "insert":
                cursor.execute(
                    "INSERT INTO tickets_ticket (subject, status, created_at, token)"
                    " VALUES ('late', 'open', now(), gen_random_uuid())"
                )
            elif kind == "ask again":
                cursor.execute(
                    "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = %s", [row]
                )
            else:
                self.written += 1
                subject = f"committed late {self.written}"
                stored = self.rows[row]
                token = self.choose(self.tokens[row], old) if kind == "stale" else stored.token
                cursor.execute(
                    "UPDATE tickets_ticket SET subject = %s, token = %s WHERE id = %s",
                    [subject, token, row],
                )
        self.open.append(OpenTransaction(connection, None if kind == "insert" else row, subject))

    @precondition(lambda self: self.open)
    @rule(index=any_index, commit=st.booleans())
    def end_a_transaction(self, index: int, *, commit: bool) -> None:
        transaction = self.open.pop(index % len(self.open))
        if not commit:
            transaction.connection.rollback()
            return
        transaction.connection.commit()
        if transaction.row is not None:
            self.touched.add(transaction.row)
        if transaction.row is not None and transaction.subject is not None:
            self.subjects[transaction.row] = transaction.subject

    # Rotations

    @rule(limit_rows=st.integers(1, 3), batch_rows=st.integers(1, 3))
    def rotate_some(self, limit_rows: int, batch_rows: int) -> None:
        free = self.free_pending
        result = self.rotate(limit_rows=limit_rows, batch_rows=batch_rows)
        assert result.rotated_rows == min(limit_rows, len(free))
        assert len(self.newly_marked()) == result.rotated_rows

    @rule(batch_rows=st.integers(1, 4))
    def rotate_all(self, batch_rows: int) -> None:
        free = self.free_pending
        result = self.rotate(batch_rows=batch_rows)
        assert self.newly_marked() == free
        assert result.rotated_rows == len(free)
        pending = any(row.marker is None for row in self.look().values())
        assert (result.outcome is Outcome.COMPLETE) == (not pending)

    def rotate(self, **options: Any) -> Any:
        self.touched |= self.free_pending
        return self.make_rotation(
            lock_timeout_ms=LOCK_TIMEOUT_MS,
            wait_for_locks_seconds=0,
            vacuum_every_percent=0,  # of so few rows there is none, and to know that takes time
            **options,
        ).run()

    def newly_marked(self) -> set[int]:
        return {
            row
            for row, stored in self.look().items()
            if stored.marker is not None and self.rows[row].marker is None
        }

    # The promises

    @invariant()
    def every_promise_is_kept(self) -> None:
        now = self.look()
        for row, after in now.items():
            assert after.subject == self.subjects.get(row, after.subject), "a write was lost"
            before = self.rows.get(row)
            if before is None:
                assert after.marker is not None, "a row was not born fresh"
            elif row not in self.touched:
                assert after == before, "a row changed that nobody wrote"
            else:
                self.check_change(row, before, after)
        assert self.rows.keys() <= now.keys()
        self.rows = now
        self.remember()
        self.touched = set()

    def check_change(self, row: int, before: Row, after: Row) -> None:
        known = after.token in self.tokens[row]
        if after.token != before.token and known:
            assert before.marker is None, "an old token came back"
            assert after.marker is None, "an old token came back and counts as rotated"
        if after.marker is not None and after.marker != before.marker:
            assert after.token != before.token, "the marker claims what did not happen"
        if before.marker is not None and after.token != before.token:
            assert after.marker is not None, "a rotated row has an unmarked token"
            assert after.marker > before.marker, "a token was changed, its marker was not"

    # What the rules need to know

    @property
    def table(self) -> Any:
        return Ticket.objects.using(ALIAS)

    @property
    def free(self) -> list[int]:
        locked = {transaction.row for transaction in self.open}
        return [row for row in self.rows if row not in locked]

    @property
    def free_pending(self) -> set[int]:
        return {row for row in self.free if self.rows[row].marker is None}

    def may_write(self, row: int, token: UUID, marker: datetime | None) -> bool:
        """Not on a row that would be waited for; not through the documented hole."""
        stored = self.rows[row]
        hole = stored.marker is None and marker is not None and token != stored.token
        return row in self.free and not hole

    def choose(self, things: list[Any], index: int) -> Any:
        return things[index % len(things)]

    def new_subject(self, row: int) -> str:
        self.written += 1
        self.touched.add(row)
        self.subjects[row] = f"written {self.written}"
        return self.subjects[row]

    def remember(self) -> None:
        for row, stored in self.rows.items():
            tokens, markers = self.tokens.setdefault(row, []), self.markers.setdefault(row, [])
            if stored.token not in tokens:
                tokens.append(stored.token)
            if stored.marker is not None and stored.marker not in markers:
                markers.append(stored.marker)

    def look(self) -> dict[int, Row]:
        with self.tickets.cursor() as cursor:
            cursor.execute(
                "SELECT id, subject, token::text, token_rotated_at FROM tickets_ticket ORDER BY id"
            )
            return {
                row: Row(subject, UUID(token), marker)
                for row, subject, token, marker in cursor.fetchall()
            }

    def sql(self, statement: str, *values: Any) -> None:
        with self.tickets.cursor() as cursor:
            cursor.execute(
                statement, [str(one) if isinstance(one, UUID) else one for one in values]
            )


@pytest.mark.parametrize(
    ("source", "examples"),
    [(SqlTokens("gen_random_uuid()"), 100), (PythonTokens(random_uuids), 40)],
)
def test_no_interleaving_of_writes_and_rotations_breaks_a_promise(
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    rotation: RotationFactory,
    target: Target,
    source: TokenSource,
    examples: int,
) -> None:
    make_rotation = partial(rotation, target=replace(target, token_source=source))
    # Two connections at most are in a transaction at a time; they are used again and again.
    pool = [connect(database_url) for _ in range(MOST_OPEN_TRANSACTIONS)]
    for connection in pool:
        connection.autocommit = False

    def begin() -> Any:
        return next(one for one in pool if one.info.transaction_status == 0)

    run_state_machine_as_test(
        lambda: Interleavings(tickets, begin, make_rotation),
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize="CI" in os.environ,
            print_blob=True,
            report_multiple_bugs=False,  # shrinking one takes long enough
        ),
    )
