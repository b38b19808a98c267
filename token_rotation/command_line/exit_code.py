"""How a command ends."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the commands here."""

    DONE = 0
    ERROR = 1
    UNFINISHED = 3

    @classmethod
    def of(cls, done: bool) -> ExitCode:  # noqa: FBT001
        return cls.DONE if done else cls.UNFINISHED
