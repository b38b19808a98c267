"""The records of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from token_rotation.jobs.collection.enumerator import Entry
from token_rotation.jobs.errors import CollectionError


class CsvFile:
    """Goes through the records of a file with a heading, as dictionaries.

    The cursor is the number of records before it, the file's size, and a digest of what was read: a
    file that has changed since is refused. Memory holds one batch.
    """

    database: str | None = None

    def __init__(self, path: Path | str, *, encoding: str = "utf-8-sig") -> None:
        self._path = Path(path)
        self._encoding = encoding
        self._at = 0
        self._records: Iterator[dict[str, str]] | None = None
        self._digest = sha256()

    def entries(self, cursor: Any, items: int) -> Sequence[Entry]:
        size = self._size()
        self._go_to(cursor or {"records": 0, "bytes": size}, size)
        entries = []
        try:
            for record in islice(self._records or (), items):
                self._at += 1
                after = {"records": self._at, "bytes": size, "digest": self._digest.hexdigest()}
                entries.append(Entry(record, f"record {self._at}", after))
        except CollectionError:
            self._records = None  # it ended there, and would seem to be at its end
            raise
        return entries

    def count(self) -> int | None:
        return None

    def _go_to(self, cursor: dict[str, Any], size: int) -> None:
        """Read the records before the cursor, unless that is where it stands."""
        if size == cursor["bytes"]:
            self._read_up_to(cursor["records"])
            if cursor.get("digest") in (None, self._digest.hexdigest()):
                return
        self._records = None
        raise CollectionError(f"{self._path} has changed since the job began")

    def _read_up_to(self, behind: int) -> None:
        if self._records is not None and self._at == behind:
            return
        self._digest, self._records = sha256(), None
        records = self._read()
        for _ in islice(records, behind):
            pass
        self._records, self._at = records, behind

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise CollectionError(f"{self._path}: {error.strerror}") from None

    def _read(self) -> Iterator[dict[str, str]]:
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                yield from csv.DictReader(self._digested(file), strict=True)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CollectionError(f"{self._path}: {error}") from None

    def _digested(self, lines: Iterator[str]) -> Iterator[str]:
        """Add each line to the digest as the reader takes it: it takes none in advance."""
        for line in lines:
            self._digest.update(line.encode(errors="surrogatepass"))
            yield line
