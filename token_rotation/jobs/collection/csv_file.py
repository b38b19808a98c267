"""The records of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from token_rotation.jobs.collection.enumerator import Entry
from token_rotation.jobs.errors import CollectionError


class CsvFile:
    """Goes through the records of a file with a heading, as dictionaries.

    The cursor is the number of records before it and the file's size: a file that has changed
    since is refused. Memory holds one batch.
    """

    database: str | None = None

    def __init__(self, path: Path | str, *, encoding: str = "utf-8-sig") -> None:
        self._path = Path(path)
        self._encoding = encoding
        self._at = 0
        self._records: Iterator[dict[str, str]] | None = None

    def entries(self, cursor: Any, items: int) -> Sequence[Entry]:
        behind, size = (0, self._size()) if cursor is None else (cursor["records"], cursor["bytes"])
        if self._size() != size:
            raise CollectionError(f"{self._path} has changed since the job began")
        if self._records is None or self._at != behind:
            self._records, self._at = islice(self._read(), behind, None), behind
        entries = []
        for record in islice(self._records, items):
            self._at += 1
            after = {"records": self._at, "bytes": size}
            entries.append(Entry(record, f"record {self._at}", after))
        return entries

    def count(self) -> int | None:
        return None

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise CollectionError(f"{self._path}: {error.strerror}") from None

    def _read(self) -> Iterator[dict[str, str]]:
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                yield from csv.DictReader(file, strict=True)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CollectionError(f"{self._path}: {error}") from None
