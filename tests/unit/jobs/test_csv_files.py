"""No record of a CSV file is left out or comes twice because the file is another one."""

from pathlib import Path

import pytest

from token_rotation.jobs.collection.csv_file import CsvFile
from token_rotation.jobs.errors import CollectionError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "subjects.csv"
    path.write_text('subject\none\n\n"two\nlines"\nthree\nfour\n')
    return path


def subjects(found: CsvFile, cursor: object, items: int) -> list[str]:
    return [each.item["subject"] for each in found.entries(cursor, items)]


def test_another_reader_goes_on_behind_the_cursor(file: Path) -> None:
    begun = CsvFile(file)
    _, last = begun.entries(None, 2)
    assert subjects(begun, last.cursor, 1) == ["three"]
    assert subjects(CsvFile(file), last.cursor, 10) == ["three", "four"]
    assert subjects(begun, last.cursor, 10) == ["three", "four"]


def test_a_file_of_the_same_size_with_other_records_is_refused(file: Path) -> None:
    _, last = CsvFile(file).entries(None, 2)
    file.write_text('subject\nfour\n\n"two\nlines"\nthree\none\n')
    with pytest.raises(CollectionError, match="has changed since the job began"):
        CsvFile(file).entries(last.cursor, 10)


def test_what_cannot_be_read_stays_so_however_often_it_is_read(file: Path) -> None:
    begun = CsvFile(file)
    *_, last = begun.entries(None, 4)
    size = file.stat().st_size
    file.write_bytes(file.read_bytes() + b"\xff\n")
    cursor = {**last.cursor, "bytes": size + 2}
    for _ in range(3):
        with pytest.raises(CollectionError, match="can't decode"):
            CsvFile(file).entries(cursor, 10)
    again = CsvFile(file)
    for _ in range(3):
        with pytest.raises(CollectionError, match="can't decode"):
            again.entries(cursor, 10)
