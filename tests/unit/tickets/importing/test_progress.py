"""How much of a file is done, whatever was read ahead."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest

from tickets.importing.counts import Counts
from tickets.importing.display import LINE_EVERY_SECONDS, ImportDisplay
from tickets.importing.reading.source import LONGEST_LINE_BYTES, Source, opened

LINE = b"r1,s,b\n"


def read(source: Source) -> int:
    return len([line for line in source.lines(lambda: False) if line])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tickets.csv"


def test_a_line_of_progress_counts_what_is_done_and_not_what_is_read(path: Path) -> None:
    path.write_bytes(LINE * 1_000)
    out, clock = io.StringIO(), itertools.count(step=2 * LINE_EVERY_SECONDS)
    with opened(str(path)) as source:
        display = ImportDisplay(source, Counts(), out=out, err=None, clock=lambda: next(clock))
        read(source)
        for line in (400, 1_000):
            display.progress(line)

    parts = [line.rpartition(", ")[2] for line in out.getvalue().splitlines()]
    assert parts == ["40 % of the file", "100 % of the file"]


@pytest.mark.parametrize("end", [b"", b"r2,s,b"], ids=["whole", "without a line feed"])
def test_bytes_are_told_of_each_line_of_a_long_file(path: Path, end: bytes) -> None:
    path.write_bytes(LINE * 50_000 + end)
    with opened(str(path)) as source:
        lines = read(source)
        assert lines == source.last_line
        for line in range(0, 50_001, 1_000):
            assert abs(source.bytes_to(line) - line * len(LINE)) <= len(LINE)
        assert source.bytes_to(lines) == source.size_bytes


def test_a_line_that_is_cut_counts_once(path: Path) -> None:
    path.write_bytes(LINE + b"x" * 3 * LONGEST_LINE_BYTES + b"\n" + LINE)
    with opened(str(path)) as source:
        assert read(source) == source.last_line == 3
        assert source.bytes_to(3) == source.size_bytes


def test_the_bytes_of_a_huge_file_take_no_more_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.importing.reading.source.MOST_MARKS", 4)
    path.write_bytes(LINE * 100_000)
    with opened(str(path)) as source:
        read(source)
        assert len(source._marks) <= 4
        assert abs(source.bytes_to(70_000) - 70_000 * len(LINE)) <= len(LINE)
