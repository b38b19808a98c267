"""The story of one case: leak, adopt by the page, rotate, issue again, remove."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from adoption import documented
from adoption.case import Case
from adoption.project import Project, StepError

COMPLETE, PENDING = 0, 3
_IDS = re.compile(r"token_rotation\.[EW]\d{3}")


@dataclass
class Found:
    """What a story found. ``faults`` are what must not be; ``ran`` what the package was asked."""

    faults: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)


class Story:
    """Plays the case in its project."""

    def __init__(self, case: Case, project: Project) -> None:
        self._case = case
        self._project = project
        self._found = Found()

    def tell(self) -> Found:
        """Play to the end, or to the first command that ends otherwise than it must."""
        try:
            for command in (*self._case.commands, "makemigrations keys", "migrate"):
                self._manage(command)
            self._play("leak")
            self._project.add_settings(documented.settings(self._case.page))
            self._project.add_settings("INSTALLED_APPS = [*dict.fromkeys(INSTALLED_APPS)]")
            self._project.declare("models.py")
            if self._case.ends == "refused":
                self._be_refused()
            else:
                self._rotate()
                self._remove()
        except StepError as error:
            self._found.faults.append(f"{error}")
        return self._found

    def _be_refused(self) -> None:
        said = self._manage("check", ends_with=None)
        self._found.checks = _ids([said])
        if self._case.check not in self._found.checks:
            self._found.faults.append(f"{self._case.check} does not refuse it: {said[-600:]}")
        self._project.declare_nothing()
        self._play("instead")

    def _rotate(self) -> None:
        said = [self._manage(command) for command in documented.migration()]
        self._found.checks = _ids(said)
        self._manage("rotate_tokens --report", ends_with=PENDING)
        self._manage("rotate_tokens")
        self._play("revoked" if self._case.ends == "revokes" else "rotated")
        self._manage("rotate_tokens --report", ends_with=COMPLETE)

    def _remove(self) -> None:
        """Take the guard away as the page says, and all that it added to the table."""
        if (self._case.folder / "before.py").exists():
            self._project.declare("before.py")
        else:
            self._project.declare_nothing()
        for command in (*documented.removal(), "makemigrations keys --check"):
            self._manage(command)
        self._play("removed")

    def _manage(self, command: str, ends_with: int | None = COMPLETE) -> str:
        return self._project.manage(*self._case.typed(command), ends_with=ends_with)

    def _play(self, part: str) -> None:
        found = self._project.play(part)
        self._found.faults += [f"{part}: not so: {each}" for each in found["failed"]]
        self._found.ran += [each for each in found["ran"] if each not in self._found.ran]


def _ids(said: Sequence[str]) -> list[str]:
    return sorted(set(_IDS.findall("\n".join(said))))
