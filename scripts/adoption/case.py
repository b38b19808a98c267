"""What is adopted: one token of one package. Each has a folder in ``projects``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

PROJECTS = Path(__file__).with_name("projects")
Ending = Literal["rotates", "revokes", "refused"]


@dataclass(frozen=True)
class Case:
    """The content of a case.toml.

    ``ends`` is what must come out, and ``check`` the id that refuses a refused case. ``note`` is
    what people need to know or do. ``like`` names the folder of the other files, if it is another
    one. ``commands`` are typed before the first makemigrations. ``types`` says how commands begin
    there, if not as usual. ``page`` of docs/adopt has the settings to add. ``extends`` and ``sets``
    are those that the project has before.
    """

    name: str
    package: str
    model: str
    column: str
    ends: Ending
    requires: Sequence[str] = ()
    check: str = ""
    note: str = ""
    engine: str = "django.db.backends.postgresql"
    like: str = ""
    page: str = "index.md"
    commands: Sequence[str] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    extends: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return PROJECTS / (self.like or self.name)

    @property
    def environment(self) -> str:
        """Name the environment; cases that need the same packages share one."""
        return "+".join([self.package, *sorted(self.requires)]).translate(str.maketrans("[]", "__"))

    def typed(self, command: str) -> list[str]:
        """Return the words of a command as this project's people type it."""
        for usual, here in self.types.items():
            if command.startswith(usual):
                return f"{here}{command.removeprefix(usual)}".split()
        return command.split()

    def settings(self) -> str:
        """Return what the project has at the end of its settings before the adoption."""
        more = [f"{name} += {list(values)!r}" for name, values in self.extends.items()]
        return "\n".join([*more, *(f"{name} = {value!r}" for name, value in self.sets.items())])


def cases() -> dict[str, Case]:
    """Return all cases by name."""
    files = sorted(PROJECTS.glob("*/case.toml"))
    found = [Case(name=file.parent.name, **tomllib.loads(file.read_text())) for file in files]
    return {case.name: case for case in found}
