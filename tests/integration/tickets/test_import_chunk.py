"""One chunk: few statements, all or nothing, and no duplicate whoever else imports."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.support.racing import at_once
from tests.support.waiting import until
from tickets.importing.chunk import ChunkDone, import_chunk, lost_a_race
from tickets.importing.counts import Counts
from tickets.importing.display import ImportDisplay
from tickets.importing.options import ImportOptions
from tickets.importing.reading.source import opened
from tickets.importing.retries import Retries
from tickets.importing.row import Row
from tickets.importing.work import Work
from tickets.models import ImportedTicket, Message, Ticket
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.stop import StopSignal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operation() -> BatchOperation:
    return BatchOperation.objects.create_synchronous("import_tickets")


def rows(count: int, *, first: int = 0, body: str = "b") -> list[Row]:
    return [
        Row(line=n + 2, reference=f"r{n:06}", subject=f"s{n}", status="open", body=f"{body}{n}")
        for n in range(first, first + count)
    ]


def write(operation: BatchOperation, chunk: list[Row], *, strict: bool = False) -> ChunkDone:
    done: list[ChunkDone] = []
    import_chunk("default", operation, chunk, done.append, strict=strict)
    (only,) = done
    return only


def counts() -> tuple[int, int, int]:
    return Ticket.objects.count(), Message.objects.count(), ImportedTicket.objects.count()


def statements(operation: BatchOperation, chunk: list[Row]) -> int:
    with CaptureQueriesContext(connection) as queries:
        write(operation, chunk)
    return len([query for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))])


def test_a_chunk_takes_five_statements_for_100_rows_and_for_1000(
    operation: BatchOperation,
) -> None:
    few = statements(operation, rows(100))
    many = statements(operation, rows(1_000, first=100))

    assert few == many == 5
    assert counts() == (1_100, 1_100, 1_100)


def test_every_ticket_has_its_own_message_its_operation_and_a_fresh_token(
    operation: BatchOperation,
) -> None:
    write(operation, rows(50))

    tickets = Ticket.objects.prefetch_related("messages").select_related("imported")
    for ticket in tickets:
        (message,) = ticket.messages.all()
        assert message.body == f"b{ticket.subject[1:]}"
        assert ticket.imported.operation_id == operation.pk
        assert ticket.imported.reference == f"r{int(ticket.subject[1:]):06}"
        assert ticket.token_rotated_at is not None
    assert len({ticket.token for ticket in tickets}) == 50


def test_what_is_stored_is_not_imported_again(operation: BatchOperation) -> None:
    write(operation, rows(3))

    done = write(operation, rows(5))

    assert (done.imported, done.already_there, done.clashes) == (2, 3, ())
    assert counts() == (5, 5, 5)


def test_a_reference_with_other_contents_is_a_bad_line_and_changes_nothing(
    operation: BatchOperation,
) -> None:
    write(operation, rows(1))

    done = write(operation, rows(2, body="other"))

    (clash,) = done.clashes
    assert clash.line == 2
    assert (done.imported, done.already_there) == (1, 0)
    assert Message.objects.filter(body="other0").count() == 0


def test_within_a_chunk_the_first_of_a_reference_counts(operation: BatchOperation) -> None:
    done = write(operation, [*rows(1), *rows(1), *rows(1, body="other")])

    assert (done.imported, done.already_there, len(done.clashes)) == (1, 1, 1)
    assert counts() == (1, 1, 1)


def test_strict_imports_only_what_stands_before_a_clash(operation: BatchOperation) -> None:
    done = write(operation, [*rows(2), *rows(1, body="other"), *rows(1, first=2)], strict=True)

    assert (done.imported, len(done.clashes), done.last_line) == (2, 1, 2)


def test_a_ticket_that_was_deleted_stays_deleted(operation: BatchOperation) -> None:
    write(operation, rows(2))
    Ticket.objects.filter(subject="s0").delete()

    done = write(operation, rows(2))

    assert done.already_there == 2
    assert counts() == (1, 1, 2)


def test_nothing_is_counted_that_was_rolled_back(operation: BatchOperation) -> None:
    done: list[ChunkDone] = []

    with transaction.atomic():
        import_chunk("default", operation, rows(3), done.append)
        transaction.set_rollback(True)

    assert done == []
    assert counts() == (0, 0, 0)


def test_of_twenty_imports_of_the_same_rows_one_is_stored(operation: BatchOperation) -> None:
    answers = at_once(20, lambda _: write(another(operation), rows(100)))

    lost = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(error, IntegrityError) and lost_a_race(error) for error in lost)
    imported = [answer.imported for answer in answers if isinstance(answer, ChunkDone)]
    assert sum(imported) == 100
    assert counts() == (100, 100, 100)


def another(operation: BatchOperation) -> BatchOperation:
    """An operation for each: one operation's row would let them pass one by one."""
    return BatchOperation.objects.create_synchronous(operation.operation_type)


def started(do: Callable[[], object]) -> Thread:
    """A thread with a connection of its own."""

    def call() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = Thread(target=call)
    thread.start()
    return thread


def joined(thread: Thread) -> None:
    thread.join(timeout=60)
    assert not thread.is_alive()


def waiting_sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        (sessions,) = cursor.fetchone()
    return int(sessions)


def import_file(path: Path, operation: BatchOperation, counts: Counts) -> None:
    with opened(str(path)) as source, (path.parent / "out").open("w") as out:
        display = ImportDisplay(source, counts, out=out, err=out, clock=lambda: 0.0)
        options = ImportOptions(file=str(path), database="default")
        stop = StopSignal()
        retries = Retries("default", counts, stop, display.waits)
        Work(source, options, operation, counts, display, stop, retries).run()


def test_who_loses_a_race_for_a_reference_tries_again_and_counts_once(
    operation: BatchOperation, tmp_path: Path
) -> None:
    """The chunk waits for the other's uncommitted reference, is rolled back, and is done again."""
    path = tmp_path / "tickets.csv"
    path.write_text(
        "reference,subject,body\n"
        + "".join(f"{row.reference},{row.subject},{row.body}\n" for row in rows(10))
    )
    other = another(operation)
    imported = Counts()

    with transaction.atomic():
        import_chunk("default", other, rows(1, first=5), lambda _: None)
        thread = started(lambda: import_file(path, operation, imported))
        until(waiting_sessions)
    joined(thread)

    done = (imported.imported, imported.already_there, imported.retries, imported.chunks)
    assert done == (9, 1, 1, 1)
    assert counts() == (10, 10, 10)
    assert ImportedTicket.objects.filter(operation=operation).count() == 9


def test_two_imports_of_the_same_references_in_opposite_orders_do_not_deadlock(
    operation: BatchOperation,
) -> None:
    other = another(operation)
    errors: list[Exception] = []

    def import_backwards() -> None:
        try:
            write(operation, rows(10)[::-1])
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            errors.append(error)

    with transaction.atomic():
        import_chunk("default", other, rows(1, first=5), lambda _: None)
        thread = started(import_backwards)
        until(waiting_sessions)
        import_chunk("default", other, rows(4, first=6), lambda _: None)
    joined(thread)

    (error,) = errors
    assert isinstance(error, IntegrityError)
    assert lost_a_race(error)
    assert counts() == (5, 5, 5)


def test_an_operation_cannot_be_ended_while_a_chunk_is_added_to_it(
    operation: BatchOperation,
) -> None:
    with transaction.atomic():
        import_chunk("default", operation, rows(1), lambda _: None)
        thread = started(BatchOperation.objects.get(pk=operation.pk).finish)
        until(waiting_sessions)
        assert BatchOperation.objects.get(pk=operation.pk).status == Status.RUNNING
    joined(thread)

    with pytest.raises(NotRunningError):
        write(operation, rows(1, first=1))
    assert counts() == (1, 1, 1)


def test_an_operation_that_ended_meanwhile_takes_no_chunk(operation: BatchOperation) -> None:
    """The chunk waits for the end, and sees it: the status is read under the lock."""
    errors: list[Exception] = []

    def late() -> None:
        try:
            write(operation, rows(1))
        except NotRunningError as error:
            errors.append(error)

    with transaction.atomic():
        BatchOperation.objects.get(pk=operation.pk).finish()
        thread = started(late)
        until(waiting_sessions)
    joined(thread)

    assert len(errors) == 1
    assert counts() == (0, 0, 0)


def test_other_writers_of_the_operations_children_do_not_wait(operation: BatchOperation) -> None:
    """Foreign keys take FOR KEY SHARE, which the lock of the chunk leaves alone."""
    with transaction.atomic():
        import_chunk("default", operation, rows(1), lambda _: None)
        answers: list[object] = []

        def refer() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            try:
                ImportedTicket.objects.create(operation=operation, reference="other", digest=b"")
                answers.append("stored")
            except OperationalError as error:
                answers.append(error)

        joined(started(refer))

    assert answers == ["stored"]
