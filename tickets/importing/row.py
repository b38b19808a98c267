"""What a record of the file is: a ticket to import, or a complaint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket with its first message, checked. ``line`` is where it begins, from 1."""

    line: int
    reference: str
    subject: str
    status: str
    body: str

    @property
    def digest(self) -> bytes:
        """32 bytes that tell whether the same reference stands for the same contents."""
        contents = json.dumps([self.subject, self.status, self.body])
        return hashlib.sha256(contents.encode()).digest()


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record that is not imported, and why, without a word of what it says."""

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
