"""run_job gives a job what its form has checked, and keeps its secrets to itself."""

import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, load_command_class
from django.core.management.base import CommandError

from tickets.models import Ticket
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "correct horse"


@pytest.fixture(autouse=True)
def jobs(transactional_db: None) -> None:
    import_module("tests.projects.worker_actions.jobs")
    Ticket.objects.bulk_create([Ticket(subject=f"ticket {number}") for number in range(30)])


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("run_job", *words, stdout=out, stderr=out)
    return out.getvalue()


def subjects() -> set[str]:
    return {subject[-1] for subject in Ticket.objects.values_list("subject", flat=True)}


def test_a_parameter_is_checked_before_anything_is_recorded_and_reaches_the_job() -> None:
    with pytest.raises(CommandError, match="Mark: sign: Ensure this value has at most 3"):
        run("Mark", "--param", "sign=much too long")
    assert not BatchOperation.objects.exists()
    assert "complete, 30 items" in run("Mark", "--param", "sign=?")
    assert subjects() == {"?"}
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
    assert "  --param sign=      What is appended (default: !)" in said
