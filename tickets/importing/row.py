"""A record: a row to import, or a bad line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A checked ticket with its first message.

    ``line`` is where it begins, from 1.
    """

    line: int
    reference: str
    subject: str
    status: str
    body: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the contents, 32 bytes.

        An import compares it with that of an earlier import.
        """
        contents = json.dumps([self.subject, self.status, self.body])
        return hashlib.sha256(contents.encode()).digest()


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record that is not imported.

    ``reason`` quotes nothing of it.
    """

    line: int
    last_line: int
    reason: str

    def __str__(self) -> str:
        lines = (
            f"line {self.line}"
            if self.last_line <= self.line
            else f"lines {self.line}-{self.last_line}"
        )
        return f"{lines}: {self.reason}"
