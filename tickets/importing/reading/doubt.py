"""How long the lines after a damaged one may lie inside its field."""

from __future__ import annotations

from tickets.importing.row import BadLine

# Each piece of evidence comes from one line, which may itself be damaged.
EVIDENCE_AFTER_DAMAGE = 2


class Doubt:
    """The doubt that damaged lines leave, until evidence or the distance ends it.

    ``since`` is the place in the file, in characters, of the last damage. ``cut`` is a record that
    may be a piece of a field which goes on after it. ``field_goes_on`` says that the next record
    may be the rest of a field.
    """

    def __init__(self) -> None:
        self._evidence_needed = 0
        self.since = 0
        self.cut: BadLine | None = None
        self.field_goes_on = False

    def __bool__(self) -> bool:
        return self._evidence_needed > 0

    def begin(self, place: int) -> None:
        self._evidence_needed, self.since = EVIDENCE_AFTER_DAMAGE, place
        self.field_goes_on = True

    def field_ended(self) -> None:
        """A record ended the field: less evidence is enough."""
        self._evidence_needed, self.cut, self.field_goes_on = 1, None, False

    def settle(self) -> bool:
        """Take a piece of evidence; return True if no doubt is left."""
        self._evidence_needed = max(0, self._evidence_needed - 1)
        if self._evidence_needed:
            return False
        self.cut, self.field_goes_on = None, False
        return True

    def end(self) -> None:
        self._evidence_needed, self.cut, self.field_goes_on = 0, None, False
