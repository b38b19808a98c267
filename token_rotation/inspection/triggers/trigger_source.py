"""Tell from a trigger function's text which columns it may write.

Pure. In doubt, the answer is that it may.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from token_rotation.inspection.triggers.code import Code, read_code
from token_rotation.selection.trigger_definition import FunctionDefinition

_IN_DOUBT = re.compile(r"\b(?:execute|alias|call)\b|\bdo (?:language \S+ )?''|u&\"", re.IGNORECASE)
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
LEAVE_TABLES_ALONE = _COLUMNS_IN_ARGUMENTS | {"triggered_change_notification"}
"""C functions of PostgreSQL's own extensions that write no table."""


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
    code = read_code(function.body)
    named = [column for column in columns if holds_name(code.text, column)]
    if named and _assigns(code.text, named):
        return Writes.ASSIGNS
    return Writes.PERHAPS if _is_in_doubt(code) else Writes.NOTHING


def _is_in_doubt(code: Code) -> bool:
    targets = " ".join(_TARGETS.findall(code.text))
    return not code.is_clear or bool(
        _IN_DOUBT.search(code.text) or _WHOLE_ROW.search(code.text) or _BARE_NEW.search(targets)
    )


def holds_name(code: str, name: str) -> bool:
    """Return True if the text holds the name at all, which is known soon.

    Patterns that tell what is done with it take 5 ms each to compile, in every command anew.
    """
    forms = "|".join(re.escape(form) for form in {name, name.replace('"', '""')})
    return bool(re.search(forms, code, re.IGNORECASE))


def _assigns(code: str, columns: Sequence[str]) -> bool:
    quoted = [re.escape(column.replace('"', '""')) for column in columns]
    names = "|".join(rf'"{one}"|{one}\b' for one in quoted)
    field = rf"{_NEW} ?\. ?(?:{names})"
    assignment = re.compile(
        rf"{field} ?:=|{_START}{field} ?=|\bfor(?:each)? {field}|\bdiagnostics\b[^;]*?{field}",
        re.IGNORECASE,
    )
    targets = " ".join(_TARGETS.findall(code))
    return bool(assignment.search(code) or re.search(field, targets, re.IGNORECASE))
