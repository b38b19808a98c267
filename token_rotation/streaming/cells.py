"""Values as CSV cells that spreadsheets open safely."""

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
    """Return a row for csv.writer.

    Numbers are unchanged, times in ISO 8601, NULL empty.
    """
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, _AS_THEY_ARE):
        return value
    return value.isoformat() if isinstance(value, _TIMES) else harmless(str(value))


def harmless(text: str) -> str:
    """Return the text, made harmless in a spreadsheet.

    An apostrophe comes first if a spreadsheet might run the text as a formula, also after leading
    blanks: some programs strip them.
    """
    first = text[:1]
    if first in _STARTS_A_FORMULA or (first.isspace() and text.lstrip()[:1] in _STARTS_A_FORMULA):
        return f"'{text}"
    return text
