"""run_job gives a job what its form has checked, and keeps its secrets to itself."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, load_command_class
from django.core.management.base import CommandError

from tickets.models import Ticket
from token_rotation.jobs.errors import NeedsApprovalError
from token_rotation.operations.execution.run import run_asynchronous
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "correct horse"


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("run_job", *words, stdout=out, stderr=out)
    return out.getvalue()


def subjects() -> list[str]:
    return list(Ticket.objects.values_list("subject", flat=True))


def test_a_parameter_is_checked_before_anything_is_recorded_and_reaches_the_job() -> None:
    with pytest.raises(CommandError, match="Mark: sign: Ensure this value has at most 3"):
        run("Mark", "--param", "sign=much too long")
    assert not BatchOperation.objects.exists()
    assert "complete, 30 items" in run("Mark", "--param", "sign=?")
    assert {subject[-1] for subject in subjects()} == {"?"}
    assert BatchOperation.objects.get().input_data == {"sign": "?", "password": None}


def test_a_secret_is_read_from_standard_input_and_is_in_no_record(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OPERATIONS_MASK = "builtins.str"  # texts of errors are recorded, all of them
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    Ticket.objects.create(subject="poison")
    with pytest.raises(SystemExit):
        run("Mark", "--secret", "password")
    (record,) = BatchOperation.objects.values("input_data", "output_data", "live_data")
    assert SECRET not in json.dumps(record)
    assert "not with ***" in json.dumps(record)


def test_a_secret_is_not_handed_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    with pytest.raises(CommandError, match="no worker can have it"):
        run("Mark", "--secret", "password", "--async")
    assert not BatchOperation.objects.exists()


def test_a_file_of_this_machine_is_read_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "subjects.csv"
    file.write_text("subject\none#\ntwo#\n")
    assert "complete, 2 items" in run("Import", "--param", f"file={file}")
    assert BatchOperation.objects.get().input_data == {"file": str(file)}
    with pytest.raises(CommandError, match="Import: file: This field is required"):
        run("Import")


def test_help_lists_the_parameters_of_the_job_that_is_named() -> None:
    command: Any = load_command_class("token_rotation", "run_job")
    command._words = ["Mark", "--help"]
    said = command.create_parser("manage.py", "run_job").format_help()
    assert "Mark: Append a sign to each subject." in said
    assert "  --param sign=      What is appended (default: !)\n  --secret password" in said


def set_aside_and_mended(name: str = "poison") -> None:
    """A complete run that has set one ticket aside, which fails no more."""
    ticket = Ticket.objects.create(subject=name)
    with pytest.raises(SystemExit):
        run("Mark")
    Ticket.objects.filter(pk=ticket.pk).update(subject="mended")


def test_what_was_set_aside_is_retried_alone_and_once() -> None:
    set_aside_and_mended()
    with pytest.raises(CommandError, match="leave --restart out"):
        run("Mark", "--retry-set-aside", "--restart")
    assert "complete, 1 items processed" in run("Mark", "--retry-set-aside")
    assert {subject.count("!") for subject in subjects()} == {1}
    with pytest.raises(CommandError, match="has set no item aside"):
        run("Mark", "--retry-set-aside")
    assert {subject.count("!") for subject in subjects()} == {1}


def test_what_a_retry_sets_aside_again_is_what_the_next_one_retries() -> None:
    set_aside_and_mended()
    Ticket.objects.filter(subject="mended").update(subject="poison again")
    with pytest.raises(SystemExit):
        run("Mark", "--retry-set-aside")
    Ticket.objects.filter(subject="poison again").update(subject="mended")
    assert "complete, 1 items processed" in run("Mark", "--retry-set-aside")
    assert {subject.count("!") for subject in subjects()} == {1}


def test_only_a_complete_run_of_rows_is_retried(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Mark has not run with these parameters"):
        run("Mark", "--retry-set-aside")
    file = tmp_path / "subjects.csv"
    file.write_text(f"subject\n{'x' * 1_000}\n")
    with pytest.raises(SystemExit):
        run("Import", "--param", f"file={file}")
    with pytest.raises(CommandError, match="only rows of a queryset can be retried"):
        run("Import", "--param", f"file={file}", "--retry-set-aside")


def test_a_job_that_needs_approval_is_started_at_the_page_alone() -> None:
    for words in ([], ["--async"]):
        with pytest.raises(CommandError, match="needs a second person's approval: ask for it at"):
            run("MarkTogether", *words)
    with pytest.raises(NeedsApprovalError):
        run_asynchronous("MarkTogether")
    assert not BatchOperation.objects.exists()


def test_what_workers_set_aside_counts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.projects.worker_actions.jobs import Mark  # noqa: PLC0415  (after Django was set up)

    monkeypatch.setattr(Mark, "set_aside_at_most", 12)
    Ticket.objects.update(subject="poison")
    with pytest.raises(CommandError, match=r"1[3-5] items failed, the last at"):
        run("Mark", "--workers", "3", "--param", "sign=!")
    states = [each.live_data["job"] for each in BatchOperation.objects.all()]
    assert len(states) == 3
    assert 12 <= sum(state["failed"] for state in states) <= 14
