"""Values as cells of a CSV file that a spreadsheet may open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal
from types import NoneType
from typing import Any

# https://owasp.org/www-community/attacks/CSV_Injection, with the full-width forms.
_STARTS_A_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_AS_THEY_ARE = (NoneType, int, float, Decimal)
_TIMES = (date, time)


def cells(row: Iterable[Any]) -> list[Any]:
    """One row for csv.writer: numbers stay as they are, times become ISO 8601, NULL is empty."""
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, _AS_THEY_ARE):
        return value
    return value.isoformat() if isinstance(value, _TIMES) else harmless(str(value))


def harmless(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet might run it as a formula.

    Blanks before a formula do not save anybody: some programs take them away.
    """
    first = text[:1]
    if first in _STARTS_A_FORMULA or (first.isspace() and text.lstrip()[:1] in _STARTS_A_FORMULA):
        return f"'{text}"
    return text
