"""Values as cells of a CSV file that a spreadsheet may open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

# https://owasp.org/www-community/attacks/CSV_Injection, with the full-width forms.
_STARTS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def cells(row: Iterable[Any]) -> list[Any]:
    """One row for csv.writer: numbers stay as they are, times become ISO 8601, NULL is empty."""
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return harmless(str(value))


def harmless(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet might run it as a formula.

    Blanks before a formula do not save anybody: some programs take them away.
    """
    if text.startswith(_STARTS_A_FORMULA) or text.lstrip().startswith(_STARTS_A_FORMULA):
        return f"'{text}"
    return text
