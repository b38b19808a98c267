"""What an action did, for the test that watches it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation


class Journal:
    """What happened, a line each, in a directory that the operation names."""

    def __init__(self, directory: Path) -> None:
        self._lines = directory / "journal"
        self._gate = directory / "gate"

    @classmethod
    def of(cls, operation: BatchOperation) -> Journal:
        return cls(Path(operation.input_data["directory"]))

    def write(self, word: str) -> None:
        """Append is atomic: processes do not overwrite each other's lines."""
        with self._lines.open("a") as lines:
            lines.write(f"{word} {os.getpid()}\n")

    def words(self) -> list[str]:
        return [line.split()[0] for line in self._read()]

    def pids(self, word: str) -> list[int]:
        """Of the processes that wrote the word, in order."""
        return [int(line.split()[1]) for line in self._read() if line.split()[0] == word]

    def open_gate(self) -> None:
        self._gate.touch()

    def wait_for_gate(self) -> None:
        until(self._gate.exists)

    def _read(self) -> list[str]:
        return self._lines.read_text().splitlines() if self._lines.exists() else []
