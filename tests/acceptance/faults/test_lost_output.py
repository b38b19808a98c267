"""Output that is refused, that nobody reads, or that a terminal cannot show."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.forking.client import OF_THE_SITE
from tests.support.leaked import leak, pending
from tests.support.manage import PROJECT, Manage
from tests.support.project import SERIES, Project

REFUSED = "The output could not be written: No space left on device."
COMMANDS = {
    "report": ("rotate_tokens", "--report"),
    "report as JSON": ("rotate_tokens", "--report", "--format", "json"),
    "dry run": ("rotate_tokens", "--dry-run"),
    "stop": ("rotate_tokens", "--stop"),
    "rotation": ("rotate_tokens", "--issued-before", "now", "--limit", "5"),
    "list": ("verify_tokens", "{list}"),
    "search": ("verify_tokens", "--everywhere", "{list}"),
    "evidence": ("verify_evidence", "{evidence}"),
    "clean-up": ("clean_up_tokens",),
    "prune": ("prune_retired_tokens", "--older-than", "1"),
    "makemigrations": ("makemigrations", "--check", "--dry-run"),
    "help of ours": ("rotate_tokens", "--help"),
}
ONLY_OF_THE_SITE = {
    "import": ("import_tickets", "{tickets}"),
    "seed": ("seed_tickets", "--size", "1"),
    "replay": ("replay_rotated_tokens", "--since", "2h ago"),
}
ALL = (
    "report",
    "list",
    "search",
    "evidence",
    "clean-up",
    "prune",
    "makemigrations",
    *ONLY_OF_THE_SITE,
)
UNREAD = [("rotation", ""), ("import", ""), ("rotation", "1"), *((command, "1") for command in ALL)]
COMMANDS_OF_DJANGO = {"migrate": ("migrate",), "help": ("help",), "check": ("check",)}


@pytest.fixture(scope="module")
def given(database_factory: Any, manage: Manage, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A database with rotated tokens, and the files that commands read."""
    directory = tmp_path_factory.mktemp("given")
    url = database_factory.create("latest")
    listed, evidence = directory / "listed", directory / "evidence.json"
    listed.write_text("0" * 32 + "\n")
    seed = ("seed_tickets", "--size", "20")
    rotate = ("rotate_tokens", "--evidence", str(evidence))
    for done in manage.each(seed, rotate, database_url=url):
        assert done.returncode == 0, done.stderr
    tickets = directory / "tickets.csv"
    tickets.write_text("reference,subject,body\nr1,S,B\nbad\n")
    yield {"url": url, "list": str(listed), "evidence": str(evidence), "tickets": str(tickets)}
    database_factory.drop(url)


def written_to(
    output: int, words: tuple[str, ...], given: Mapping[str, str], **env: str
) -> CompletedProcess[str]:
    """Run manage.py with this as its standard output."""
    words = ("manage.py", *(word.format(**given) for word in words))
    variables = {**os.environ, "PYTHONUNBUFFERED": "", "DATABASE_URL": given["url"], **env}
    if not variables["PYTHONUNBUFFERED"]:
        return OF_THE_SITE.serving(variables).run(words, variables, 120, stdout=output)
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )


def read_by_somebody(words: tuple[str, ...], given: Mapping[str, str]) -> CompletedProcess[str]:
    with open(os.devnull, "w") as null:  # noqa: PTH123
        return written_to(null.fileno(), words, given)


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [*((command, "") for command in COMMANDS), ("report", "1"), ("prune", "1")],
)
def test_a_full_disk_is_one_line_and_no_command_says_that_all_is_well(
    given: Mapping[str, str], command: str, unbuffered: str
) -> None:
    """At the write where Python does not buffer, and at the end where it does."""
    full = os.open("/dev/full", os.O_WRONLY)
    done = written_to(full, COMMANDS[command], given, PYTHONUNBUFFERED=unbuffered)
    os.close(full)
    assert done.returncode in ({3} if command == "rotation" else {1, 3}), done.stderr
    assert done.stderr.startswith(REFUSED)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS_OF_DJANGO)
def test_a_full_disk_is_one_line_in_commands_of_django(
    given: Mapping[str, str], command: str
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = written_to(full, COMMANDS_OF_DJANGO[command], given, PYTHONUNBUFFERED="1")
    os.close(full)
    assert done.returncode == 1
    assert done.stderr == "manage.py: the output could not be written: No space left on device\n"


@pytest.mark.parametrize(("command", "unbuffered"), UNREAD)
def test_where_nobody_reads_a_command_ends_silently_with_its_own_code(
    given: Mapping[str, str], command: str, unbuffered: str
) -> None:
    """At the write where Python does not buffer, and at the end where it does."""
    reader, writer = os.pipe()
    os.close(reader)
    words = {**COMMANDS, **ONLY_OF_THE_SITE}[command]
    done = written_to(writer, words, given, PYTHONUNBUFFERED=unbuffered)
    os.close(writer)
    read = read_by_somebody(words, given)
    assert (done.returncode, done.stderr) == (read.returncode, read.stderr)
    assert done.returncode in {0, 1, 3}


@pytest.mark.parametrize("command", ["report", "makemigrations"])
def test_a_closed_output_is_no_error(given: Mapping[str, str], command: str) -> None:
    words = (*("bash", "-c", 'exec "$@" >&-', "-"), sys.executable, "manage.py")
    done = subprocess.run(
        [*words, *COMMANDS[command]],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": given["url"]},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    read = read_by_somebody(COMMANDS[command], given)
    assert (done.returncode, done.stderr) == (read.returncode, "")


MODELS = """
from token_rotation.models import RotatingToken

class Schlüssel(RotatingToken):
    class Meta(RotatingToken.Meta):
        db_table = "shop_schlüssel"
"""


@pytest.fixture
def project(tmp_path: Path, make_database: Callable[..., str]) -> Project:
    """A project of somebody else's, whose names are not ASCII."""
    project = Project(tmp_path, make_database("zero"))
    project.models(MODELS)
    return project


def typed(
    project: Project, *words: str, stdout: int = subprocess.PIPE, **env: str
) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=project.directory,
        env={**project.environment, **env},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="ascii",
        timeout=120,
        check=False,
    )


def test_a_terminal_that_knows_only_ascii_is_told_every_name(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "gelöst").write_text("0" * 32 + "\n")
    expected = {
        "makemigrations": "0001_initial.py",
        "migrate": "OK",
        "rotate_tokens": r"shop.Schl\xfcssel: nothing is pending",
        "rotate_tokens --report --evidence Beweis-ö": r'public."shop_schl\xfcssel"',
        "rotate_tokens --dry-run": r"shop.Schl\xfcssel: would rotate 0",
        "verify_tokens gelöst": r"gel\xf6st lists 1 token",
        "verify_tokens --everywhere gelöst": r"gel\xf6st lists 1 token; searched",
        "verify_evidence Beweis-ö": r"shop.Schl\xfcssel: complete",
        "clean_up_tokens": r"Vacuuming shop_schl\xfcssel",
    }
    done = typed(project, "-c", SERIES, *expected, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    for command, shown in expected.items():
        assert shown in done.stdout, command
    assert json.loads((tmp_path / "Beweis-ö").read_text(encoding="utf-8"))["targets"]


def test_a_full_disk_is_one_line_in_a_project_of_somebody_elses(project: Project) -> None:
    with open("/dev/full", "w", encoding="ascii") as full:  # noqa: PTH123
        unbuffered = {"PYTHONUNBUFFERED": "1"}  # else it is said when the migrations are written
        done = typed(project, "-m", "django", "makemigrations", stdout=full.fileno(), **unbuffered)
        assert done.returncode == 1
        assert done.stderr.splitlines()[0] == (
            "CommandError: No migration was written: No space left on device. "
            "Run makemigrations again."
        )
        assert "Traceback" not in done.stderr
        assert list(project.written()) == []
        project.run_each("makemigrations", "migrate --verbosity 0")
        done = typed(project, "-m", "django", *COMMANDS["report"], stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr.startswith(REFUSED)
    assert len(done.stderr.splitlines()) == 1


def with_a_full_disk(*words: str) -> list[str]:
    """The command in a process that cannot write a byte to any file."""
    return ["bash", "-c", 'ulimit -f 0; exec "$@"', "-", sys.executable, *words]


def test_evidence_that_the_disk_refuses_leaves_the_older_file_and_no_other(
    given: Mapping[str, str],
) -> None:
    evidence = Path(given["evidence"])
    before = evidence.read_text()
    done = subprocess.run(
        with_a_full_disk("manage.py", *COMMANDS["report"], "--evidence", str(evidence)),
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": given["url"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"CommandError: the evidence {evidence} could not be written: File too")
    assert evidence.read_text() == before
    assert [path.name for path in evidence.parent.iterdir() if path.name[0] == "."] == []


def test_a_migration_that_the_disk_refuses_leaves_no_half_file(project: Project) -> None:
    done = subprocess.run(
        with_a_full_disk("-m", "django", "makemigrations"),
        cwd=project.directory,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: No migration was written: File too large. Run makemigrations again.\n"
    )
    assert list(project.written()) == []


def test_a_rotation_whose_output_is_refused_rotates_everything(
    given: Mapping[str, str], database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 300)
    full = os.open("/dev/full", os.O_WRONLY)
    done = written_to(full, ("rotate_tokens", "--batch-rows", "50"), {"url": database_url})
    os.close(full)
    assert pending(tickets) == 0
    assert done.returncode == 1
    assert done.stderr.startswith(REFUSED)
