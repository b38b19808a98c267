"""The regular look at all operations. Sending again is shown with real workers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

import tests.projects.worker_actions.actions  # noqa: F401  (registers the groups)
from tests.support.junk import JUNK, UNREADABLE
from tests.support.leaked import leak
from tests.support.poison import ALLOW_UPDATES, REFUSE_UPDATES
from tests.support.racing import at_once
from tickets.models import Ticket
from token_rotation.distributed.records import END_OF_ROUND
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.signals import operation_unfinished, operations_watched
from token_rotation.operations.watching.troubles import WATCH
from token_rotation.operations.watching.watch import watch

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects

CLEAR = """
DROP TABLE IF EXISTS leaked, token_change;
DROP FUNCTION IF EXISTS note_token_change CASCADE;
"""

TWO_HOURS = timedelta(hours=2)  # longer than the visibility timeout


@pytest.fixture(autouse=True)
def _admins(settings: Any) -> None:
    settings.ADMINS = [("On call", "on-call@example.com")]


@pytest.fixture
def rounds() -> Iterator[list[Any]]:
    """A list that grows with each round that has sent its signal."""
    heard: list[Any] = []

    def hear(**named: Any) -> None:
        heard.append(named)

    operations_watched.connect(hear)
    yield heard
    operations_watched.disconnect(hear)


@pytest.fixture
def refused() -> Iterator[None]:
    """Ten leaked tickets in a table that nobody can change."""
    leak(connection, 10)
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_UPDATES)
    yield
    with connection.cursor() as cursor:
        cursor.execute(ALLOW_UPDATES + CLEAR)


def test_a_stalled_operation_is_reported_once_for_each_time_that_it_falls_silent() -> None:
    operation = operations.create_synchronous("mail")
    for expected in (1, 2):
        days = timedelta(days=expected)
        operations.filter(pk=operation.pk).update(heartbeat_at=Now() - days)
        watch()
        watch()

        assert len(mail.outbox) == expected
        assert f"{operation}: silent since" in mail.outbox[-1].body


def test_a_failed_operation_is_reported_once() -> None:
    operation = operations.create_synchronous("mail")
    operation.finish(failed=True, output_data={"error": {"type": "E", "message": "why"}})

    watch()
    watch()

    (report,) = mail.outbox
    assert f"{operation}: E: why" in report.body


def test_an_end_that_needs_a_person_is_mailed_and_signalled_once_with_its_reason() -> None:
    told: list[tuple[BatchOperation, str]] = []

    def hear(operation: BatchOperation, reason: str, **_: Any) -> None:
        told.append((operation, reason))

    operation_unfinished.connect(hear)
    try:
        operation = operations.create_synchronous("mail")
        operation.finish(output_data={"unfinished": "3 of 9 mails\ncame back"})
        watch()
        watch()
    finally:
        operation_unfinished.disconnect(hear)

    (report,) = mail.outbox
    assert report.body.endswith(f"unfinished:\n{operation}: 3 of 9 mails came back")
    assert told == [(operation, "3 of 9 mails came back")]


def test_bad_lines_of_an_import_are_reported_once(tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text("reference,subject,body\n" + "".join(f"r{n},,secret\n" for n in range(5)))
    with pytest.raises(SystemExit):
        call_command("import_tickets", str(file))

    watch()
    watch()

    operation = operations.of_type("import_tickets").get()
    (report,) = mail.outbox
    assert (
        f"{operation}: bad lines were not imported: line 2: subject is empty; "
        "line 3: subject is empty; line 4: subject is empty; and 2 more"
    ) in report.body
    assert "secret" not in report.body


def test_nothing_is_mailed_when_all_is_well() -> None:
    operations.create_synchronous("mail").finish()

    record = watch()

    assert record is not None
    assert not any(record.output_data.values())
    assert mail.outbox == []


def test_a_tick_delivered_several_times_at_once_makes_one_report() -> None:
    operations.create_synchronous("mail").finish(failed=True)
    key = uuid4()

    answers = at_once(5, lambda _: watch(key=key))

    assert sum(isinstance(answer, BatchOperation) for answer in answers) == 1
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(("started_ago", "told"), [(timedelta(minutes=5), 0), (TWO_HOURS, 1)])
def test_what_waits_in_a_queue_is_overdue_only_when_nothing_before_it_is_started(
    started_ago: timedelta, told: int, settings: Any
) -> None:
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"
    ahead, waiting, younger = (operations.create_asynchronous("one step") for _ in range(3))
    for operation, ago in (
        (ahead, 2 * TWO_HOURS),
        (waiting, 1.5 * TWO_HOURS),
        (younger, TWO_HOURS),
    ):
        operations.filter(pk=operation.pk).update(created_at=Now() - ago)
    for operation, ago in ((ahead, started_ago), (younger, timedelta())):
        operation.mark_as_running()
        operations.filter(pk=operation.pk).update(started_at=Now() - ago)

    record = watch()

    assert record is not None
    assert len(record.output_data["not started"]) == len(record.output_data["sent again"]) == told
    assert all(f"{waiting}: waits since" in line for line in record.output_data["not started"])


def test_old_rounds_are_removed_also_those_that_died() -> None:
    old = watch()
    assert old is not None
    dead = operations.create_synchronous(WATCH)
    for record in (old, dead):
        operations.filter(pk=record.pk).update(created_at=Now() - timedelta(days=3))

    latest = watch()

    assert list(operations.of_type(WATCH)) == [latest]


def test_a_failed_rotation_is_reported_and_later_rounds_go_on(
    refused: None, rounds: list[Any], settings: Any
) -> None:
    """With a reason that holds no token, although nothing masks it."""
    settings.OPERATIONS_MASK = None
    with pytest.raises(CommandError, match="55000"):
        call_command("rotate_tokens")

    watch()
    watch()

    operation = operations.of_type("rotation").get()
    error = operation.output_data["error"]
    assert error["type"] == "token_rotation.errors.StatementError"
    (report,) = mail.outbox
    assert f"{operation}: {error['type']}: {error['message']}" in report.body
    assert len(rounds) == 2
    tokens = [str(token) for token in Ticket.objects.values_list("token", flat=True)]
    assert len(tokens) == 10
    assert not [token for token in tokens if token in f"{operation.output_data} {report.body}"]


def test_a_failed_import_is_reported_and_later_rounds_go_on(
    tmp_path: Path, rounds: list[Any]
) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text("subject;body\n")
    with pytest.raises(CommandError, match="the header is wrong"):
        call_command("import_tickets", str(file))

    watch()
    watch()

    operation = operations.of_type("import_tickets").get()
    error = operation.output_data["error"]
    assert error["type"] == "tickets.importing.errors.UnreadableFileError"
    (report,) = mail.outbox
    assert f"{operation}: {error['type']}: the header is wrong" in report.body
    assert len(rounds) == 2


def test_records_that_hold_anything_do_not_stop_a_round(rounds: list[Any]) -> None:
    failed = [operations.create_synchronous("mail") for _ in range(len(JUNK) + 2)]
    for operation, junk in zip(failed, [*JUNK, None], strict=False):
        operation.finish(failed=True, output_data=junk)
    failed[-1].finish(failed=True, output_data={"error": {"type": "E", "message": "why"}})
    unfinished = [operations.create_synchronous("mail") for _ in range(3)]
    for operation, junk in zip(unfinished, ({"unfinished": 1}, ["unfinished"], None), strict=True):
        operation.finish(output_data=junk)
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE.replace('"rounds"', '"unfinished"'), [unfinished[2].pk])
    stalled = operations.create_synchronous("mail")
    operations.filter(pk=stalled.pk).update(heartbeat_at=Now() - timedelta(days=1))
    operations.create_synchronous(WATCH).finish(output_data={"failed": 1, "stalled": [[1], {}]})
    dead_round = operations.create_synchronous(WATCH)
    dead_round.finish()
    for unreadable in (failed[-2], stalled, dead_round):
        with connection.cursor() as cursor:
            cursor.execute(UNREADABLE, [unreadable.pk])

    watch()
    watch()

    (report,) = mail.outbox
    assert not [each for each in failed if f"{each}: " not in report.body]
    assert f"{failed[-2]}: its record cannot be read" in report.body
    assert f"{failed[-1]}: E: why" in report.body
    assert f"{stalled}: silent since" in report.body
    assert f"{unfinished[0]}: the stored error has an unknown form" in report.body
    assert f"{unfinished[2]}: its record cannot be read" in report.body
    assert len(rounds) == 2


def test_an_operation_that_cannot_be_sent_does_not_keep_others_from_it(
    monkeypatch: pytest.MonkeyPatch, rounds: list[Any]
) -> None:
    lost = [operations.create_synchronous("one step") for _ in range(2)]
    operations.all().update(runner="a dead one", heartbeat_at=Now() - timedelta(days=1))

    def send(operation: BatchOperation, _: Any) -> None:
        if operation == lost[0]:
            raise ValueError("this one cannot be sent")

    monkeypatch.setattr("token_rotation.operations.watching.resend.send", send)
    monkeypatch.setattr("token_rotation.operations.watching.resend.ensure_broker", lambda: None)

    record = watch()

    assert record is not None
    assert record.output_data["sent again"] == [f"{lost[0]} could not be: ValueError", f"{lost[1]}"]
    assert len(rounds) == 1


def test_a_rotation_that_cannot_be_read_does_not_keep_others_from_their_end(settings: Any) -> None:
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"
    unreadable, junk, sound = (
        operations.create_synchronous("rotation", input_data={"distributed": True})
        for _ in range(3)
    )
    operations.filter(pk=junk.pk).update(output_data=["junk"])
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE, [unreadable.pk])

    watch()

    ends = operations.of_type(END_OF_ROUND)
    assert {end.context_id for end in ends} == {str(junk.pk), str(sound.pk)}


def test_the_command_makes_one_round_and_prints_what_it_found(capsys: Any) -> None:
    operation = operations.create_synchronous("mail")
    operation.finish(failed=True, output_data={"error": {"type": "Error", "message": "why"}})

    for said in (f"failed: {operation}: Error: why\n", ""):
        call_command("watch_operations")
        assert capsys.readouterr().out == said

    assert len(mail.outbox) == 1
