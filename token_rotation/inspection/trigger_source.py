"""Tell from a trigger function's text which columns it may write.

Pure. In doubt, the answer is that it may.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from token_rotation.selection.trigger_definition import FunctionDefinition

_HIDDEN = re.compile(r"""("(?:[^"]|"")*")|--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'""", re.DOTALL)
_IN_DOUBT = re.compile(r"\b(?:execute|alias|call)\b|u&\"|\\'|\$\w*\$", re.IGNORECASE)
_START = r"(?:^|; ?|>> ?|\b(?:begin|then|else|loop) )"
_NEW = r'(?:(?:\w+|"[^"]*") ?\. ?)?"?\bnew\b"?'
_WHOLE_ROW = re.compile(
    rf"{_NEW} ?:=|{_START}{_NEW} ?=|\bfor(?:each)? new\b"
    r"|\breturn\b(?! ?(?:\(? ?(?:new|old|null) ?\)? ?)?;)",
    re.IGNORECASE,
)
_TARGETS = re.compile(
    r'(?<!insert )(?<!merge )\binto (?:strict )?((?:[\w."]+(?: ?, ?| ?\. ?)?)+)', re.IGNORECASE
)
_BARE_NEW = re.compile(r"\bnew\b(?! ?\.)", re.IGNORECASE)
_COLUMNS_IN_ARGUMENTS = {"moddatetime", "insert_username", "autoinc"}
"""C functions of PostgreSQL's own extensions: they write the columns that their arguments name."""


class Writes(Enum):
    """What a trigger function does with columns of the row."""

    NOTHING = auto()
    """It leaves them alone."""
    PERHAPS = auto()
    """Its text does not tell."""
    ASSIGNS = auto()
    """It assigns to one of them, perhaps under a condition."""


def writes(function: FunctionDefinition, arguments: str, *columns: str) -> Writes:
    """Tell whether a trigger function may write one of the columns."""
    if function.language == "internal":  # PostgreSQL's own write none of a token's types
        return Writes.NOTHING
    if function.language == "c" and function.body in _COLUMNS_IN_ARGUMENTS:
        is_named = any(column in arguments.split("\\000") for column in columns)
        return Writes.ASSIGNS if is_named else Writes.NOTHING
    if function.language != "plpgsql":
        return Writes.PERHAPS
    if any(_assigns(_code_of(function), column) for column in columns):
        return Writes.ASSIGNS
    return Writes.PERHAPS if _is_in_doubt(function) else Writes.NOTHING


def _code_of(function: FunctionDefinition) -> str:
    """Return the body without comments and texts, on one line."""
    shown = _HIDDEN.sub(lambda found: found[1] or " ", function.body)
    return " ".join(shown.split())


def _is_in_doubt(function: FunctionDefinition) -> bool:
    code = _code_of(function)
    targets = " ".join(_TARGETS.findall(code))
    return bool(
        _IN_DOUBT.search(function.body) or _WHOLE_ROW.search(code) or _BARE_NEW.search(targets)
    )


def _assigns(code: str, column: str) -> bool:
    quoted = re.escape(column.replace('"', '""'))
    field = rf'{_NEW} ?\. ?(?:"{quoted}"|{quoted}\b)'
    assignment = re.compile(
        rf"{field} ?:=|{_START}{field} ?=|\bfor(?:each)? {field}|\bdiagnostics\b[^;]*?{field}",
        re.IGNORECASE,
    )
    targets = " ".join(_TARGETS.findall(code))
    return bool(assignment.search(code) or re.search(field, targets, re.IGNORECASE))
