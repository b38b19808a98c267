"""Exit codes of the commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit code of a command here."""

    DONE = 0
    ERROR = 1
    UNFINISHED = 3

    @classmethod
    def of(cls, done: bool) -> ExitCode:  # noqa: FBT001
        return cls.DONE if done else cls.UNFINISHED
