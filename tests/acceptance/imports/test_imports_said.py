"""import_tickets where its file cannot be read, or its output not be written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.imported import HEADER, last_operation, lines, stored
from tests.support.manage import PROJECT

Connect = Callable[[str], Any]
Import = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def import_tickets(database_url: str) -> Import:
    """import_tickets(name, ...) as a process of its own."""

    def run(
        name: bytes | str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, str(PROJECT / "manage.py"), "import_tickets", name, *arguments],
            env={**os.environ, "DATABASE_URL": database_url, **(env or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )

    return run


def one_line(result: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = result.stderr.decode("ascii").splitlines()
    assert result.returncode == 1
    return line


ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
NARROW = {**ASCII, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("env", [{}, ASCII, NARROW], ids=["UTF-8", "ascii output", "all ascii"])
@pytest.mark.parametrize(
    ("name", "recorded"),
    [(b"tickets-\xff.csv", "tickets-\\xff.csv"), ("tickets-ü.csv".encode(), "tickets-ü.csv")],
    ids=["not UTF-8", "not ascii"],
)
def test_a_files_name_may_be_any_bytes(
    name: bytes,
    recorded: str,
    env: dict[str, str],
    tmp_path: Path,
    database_url: str,
    connect: Connect,
    import_tickets: Import,
) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_text(HEADER + lines(3) + "b\u00e4d\n")

    result = import_tickets(path, env=env)

    assert result.returncode == 3
    assert result.stderr.decode("ascii").splitlines() == ["line 5: has 1 fields, the header has 3"]
    operation = last_operation(connect(database_url))
    assert operation["input_data"]["file"] == f"{tmp_path}/{recorded}"
    assert stored(connect(database_url)) == 3


def test_a_file_that_is_missing_is_named_whatever_its_bytes(import_tickets: Import) -> None:
    line = one_line(import_tickets(b"missing-\xff-\xc3\xbc.csv", env=ASCII))

    assert "'missing-\\udcff-\\xfc.csv' cannot be opened: No such file or directory" in line
    assert "Nothing was imported." in line


def test_a_file_that_cannot_be_read_is_one_line(
    database_url: str, connect: Connect, import_tickets: Import
) -> None:
    """Nothing is mapped at the beginning of a process's memory, so that reading it fails."""
    line = one_line(import_tickets("/proc/self/mem"))

    assert "reading failed: Input/output error. Nothing was imported." in line
    assert last_operation(connect(database_url))["result"] == "failed"


def test_a_file_that_nobody_may_open_is_one_line(tmp_path: Path, import_tickets: Import) -> None:
    (tmp_path / "loop").symlink_to("loop")

    line = one_line(import_tickets(str(tmp_path / "loop")))

    assert "cannot be opened: Too many levels of symbolic links. Nothing was imported." in line


def test_standard_input_that_cannot_be_read_is_one_line(
    tmp_path: Path, import_tickets: Import
) -> None:
    for_writing = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    try:
        line = one_line(import_tickets("-", stdin=for_writing))
    finally:
        os.close(for_writing)

    assert "reading failed: Bad file descriptor. Nothing was imported." in line


def test_a_file_without_end_is_one_line(import_tickets: Import) -> None:
    assert "line 1 is longer than 1,048,576 bytes" in one_line(import_tickets("/dev/zero"))


@pytest.mark.parametrize("bad", ["", "bad\n"], ids=["all good", "a bad line"])
def test_on_a_full_disk_the_import_goes_on_and_says_what_could_not_be_written(
    bad: str, tmp_path: Path, database_url: str, connect: Connect, import_tickets: Import
) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text(HEADER + lines(2_500) + bad)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        result = import_tickets(str(file), stdout=full)
    finally:
        os.close(full)

    *_, last = result.stderr.decode().splitlines()
    assert result.returncode == (3 if bad else 1)
    assert "The output could not be written: No space left on device." in last
    assert b"Traceback" not in result.stderr
    assert stored(connect(database_url)) == 2_500
    assert last_operation(connect(database_url))["output_data"]["outcome"] == "complete"


@pytest.mark.parametrize(("bad", "code"), [("", 0), ("bad\n", 3)], ids=["all good", "a bad line"])
def test_when_nobody_reads_the_output_the_import_goes_on_and_its_exit_code_is_its_own(
    bad: str, code: int, tmp_path: Path, database_url: str, connect: Connect, import_tickets: Import
) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text(HEADER + lines(2_500) + bad)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = import_tickets(str(file), stdout=writer)
    finally:
        os.close(writer)

    assert (result.returncode, len(result.stderr.splitlines())) == (code, 1 if bad else 0)
    assert stored(connect(database_url)) == 2_500


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_with_its_output_closed_it_imports_all_the_same(
    closed: str, tmp_path: Path, database_url: str, connect: Connect
) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text(HEADER + lines(10) + "bad\n")
    closing = " ".join(f"{each}>&-" for each in closed.split())

    code = subprocess.call(
        [
            *("/bin/sh", "-c", f'exec "$@" {closing}', "sh"),
            *(sys.executable, str(PROJECT / "manage.py"), "import_tickets", str(file)),
        ],
        env={**os.environ, "DATABASE_URL": database_url},
    )

    assert code == 3
    assert stored(connect(database_url)) == 10
