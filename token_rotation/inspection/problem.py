"""A finding about a table, with the command to mend."""

from __future__ import annotations

from dataclasses import dataclass

MAKE = "python manage.py makemigrations"
MIGRATE = "python manage.py migrate"
PGTRIGGER = "python manage.py pgtrigger"


@dataclass(frozen=True, slots=True)
class Problem:
    """Finding that something is not as it must be.

    ``mend`` is the command that mends it. ``code`` is the id of Django's system check.
    """

    code: str
    sentence: str
    mend: str

    @property
    def stops(self) -> bool:
        """Return True if it stops a rotation; a warning does not."""
        return ".E" in self.code

    def __str__(self) -> str:
        return f"{self.sentence}. Run: {self.mend}"
