"""Check records for what PostgreSQL or the ticket pages refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tickets.importing.row import BadLine, Row
from tickets.models import ImportedTicket, Ticket

REQUIRED = ("reference", "subject", "body")
OPTIONAL = ("status",)
ONE_LINE = ("reference", "subject")
LONGEST_CHARACTERS = {
    "reference": ImportedTicket.REFERENCE_LENGTH,
    "subject": Ticket.SUBJECT_LENGTH,
    "body": 100_000,
}


def check(values: Mapping[str, str], line: int, last_line: int) -> Row | BadLine:
    """Return the record as a row, or all its errors.

    The keys of ``values`` are the header's columns.
    """
    texts = {name: text if name == "body" else text.strip() for name, text in values.items()}
    texts["status"] = texts.get("status") or Ticket.Status.OPEN.value
    wrong = [complaint for name, text in texts.items() for complaint in _complaints(name, text)]
    if wrong:
        return BadLine(line, last_line, ", ".join(wrong))
    return Row(line=line, **texts)


def _complaints(name: str, text: str) -> Iterator[str]:
    if name in REQUIRED and not text.strip():
        yield f"{name} is empty"
    if name == "status" and text not in Ticket.Status.values:
        yield f"status is none of {', '.join(Ticket.Status.values)}"
    if len(text) > LONGEST_CHARACTERS.get(name, len(text)):
        yield f"{name} is longer than {LONGEST_CHARACTERS[name]:,} characters"
    if name in ONE_LINE and len(text.splitlines()) > 1:
        yield f"{name} holds a line break"
    if "\0" in text:
        yield f"{name} holds a NUL character"
    if not _is_unicode(text):
        yield f"{name} is not UTF-8"


def _is_unicode(text: str) -> bool:
    """Return False if ``text`` has bytes that are not UTF-8.

    ``Records`` lets them through.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
