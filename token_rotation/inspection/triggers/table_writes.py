"""Tell from a function's text if its statements write tokens of a table.

Pure. In doubt, the answer is that it may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from token_rotation.inspection.triggers.code import is_readable, read_code
from token_rotation.inspection.triggers.trigger_source import LEAVE_TABLES_ALONE, Writes, holds_name
from token_rotation.selection.trigger_definition import FunctionDefinition

_IN_DOUBT = re.compile(r"\b(?:execute|call)\b|\bdo (?:language \S+ )?''|u&\"", re.IGNORECASE)
_SET = re.compile(r"\bset\b.*", re.IGNORECASE)
_CHANGE_IN_INSERT = re.compile(r"\bdo update (set\b.*)", re.IGNORECASE)
_CHANGE_IN_MERGE = re.compile(r"\bthen update (set\b.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WritableName:
    """A name by which statements write the table.

    ``has_columns``: its columns have the table's names. Not those of a view, perhaps.
    """

    schema: str
    name: str
    has_columns: bool

    @property
    def pattern(self) -> str:
        schema, name = _either(self.schema), _either(self.name)
        return rf'(?:only )?\(? ?(?:(?:[\w$"]+ ?\. ?)?{schema} ?\. ?)?{name}(?![\w$]| ?\.)'


def table_writes(
    function: FunctionDefinition, names: Iterable[WritableName], token: str, *others: str
) -> Writes:
    """Tell whether a function's statements may write the token, or one of the other columns.

    Only a statement that writes the token and the first of the others, its marker, surely does:
    without a later marker the guard has the last word.
    """
    if function.language == "internal" or function.body in LEAVE_TABLES_ALONE:
        return Writes.NOTHING
    code = read_code(function.body)
    if not is_readable(function.language) or not code.text:
        return Writes.PERHAPS  # the text of a new-style SQL function is not stored
    found = [
        _verdict(changes, name, (token, *others))
        for name in names
        for changes in _statements(code.text, name)
    ]
    if _IN_DOUBT.search(code.text) or not code.is_clear:
        found.append(Writes.PERHAPS)
    return max(found, key=lambda each: each.value, default=Writes.NOTHING)


def _statements(code: str, name: WritableName) -> Iterator[str | None]:
    """Yield the SET of each statement that writes the table; None for one that adds rows alone."""
    if not holds_name(code, name.name):
        return
    starts = {
        "update": _SET,
        "insert into": _CHANGE_IN_INSERT,
        "merge into": _CHANGE_IN_MERGE,
    }
    for start, change in starts.items():
        statement = re.compile(rf"\b{start} {name.pattern}(?=([^;]*))", re.IGNORECASE)
        for found in statement.finditer(code):
            changes = change.search(found[1])
            yield changes[0] if changes else None


def _verdict(changes: str | None, name: WritableName, columns: tuple[str, ...]) -> Writes:
    if changes is None:
        return Writes.PERHAPS
    token, marker, *rest = (_is_set(changes, column) for column in columns)
    if token and marker:
        return Writes.ASSIGNS
    return (
        Writes.PERHAPS if token or marker or any(rest) or not name.has_columns else Writes.NOTHING
    )


def _is_set(changes: str, column: str) -> bool:
    name = _either(column)
    alone, listed = rf"{name} ?=", rf"\((?:[^()]*[ (,])?{name}(?: ?,[^()]*| ?)\) ?="
    return bool(re.search(rf"(?:\bset|,) ?(?:{alone}|{listed})", changes, re.IGNORECASE))


def _either(name: str) -> str:
    quoted, bare = re.escape(name.replace('"', '""')), re.escape(name)
    return rf'(?:"{quoted}"|{bare}(?![\w$]))'
