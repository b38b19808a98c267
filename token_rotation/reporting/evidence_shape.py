"""The shape of an evidence entry.

Pure. An object may have more keys than these, none may lack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """What a value must be, and the word for it."""

    name: str
    fits: Callable[[Any], bool]


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_lsn(value: Any) -> bool:
    return isinstance(value, str) and LSN.fullmatch(value) is not None


def _are_texts(values: dict[str, Any]) -> bool:
    return all(isinstance(each, str) and each for each in values.values())


def _or_null(form: Form) -> Form:
    return Form(f"{form.name} or null", lambda value: value is None or form.fits(value))


LSN = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")
TEXT = Form("a text", lambda value: isinstance(value, str) and value != "")
YES_OR_NO = Form("true or false", lambda value: isinstance(value, bool))
COUNT = Form("a count", lambda value: type(value) is int and value >= 0)
NUMBER = Form("a number", lambda value: type(value) in {int, float} and value >= 0)
TIME = Form("a time with an offset", _is_time)
POSITION = Form("a WAL position", _is_lsn)
OBJECT = Form("an object", lambda value: isinstance(value, dict))
STATES = Form("an object of texts", lambda value: isinstance(value, dict) and _are_texts(value))

ANSWER = {"query": TEXT, "answer": COUNT}
READ = {
    "complete": YES_OR_NO,
    "selection_complete": YES_OR_NO,
    "read": TEXT,
    "relations": [{"name": TEXT, "oid": COUNT, "rows": COUNT}],
    "rows": COUNT,
    "pending_rows": COUNT,
    "pending_rows_outside": COUNT,
    "pending_rows_everywhere": COUNT,
    "rows_without_a_token": COUNT,
    "markers_later_than_the_clock": COUNT,
    "infinite_markers": COUNT,
    "damaged_indexes": [TEXT],
    "open_writers": [TEXT],
    "database": TEXT,
    "role": TEXT,
    "server_version": TEXT,
    "system_identifier": _or_null(TEXT),
    "timeline": _or_null(COUNT),
    "is_standby": YES_OR_NO,
    "is_read_only": YES_OR_NO,
    "snapshot": TEXT,
    "wal_position_before": _or_null(POSITION),
    "read_at": TIME,
    "seconds": NUMBER,
}
UNREAD = {"complete": Form("false", lambda value: value is False), "not_read_because": TEXT}
ENTRY = {
    "model": TEXT,
    "table": TEXT,
    "token_column": TEXT,
    "database": TEXT,
    "server_version": TEXT,
    "role": TEXT,
    "looked_at": TIME,
    "command": TEXT,
    "selection": _or_null(TEXT),
    "selected": {"issued_before": _or_null(TIME), "where": [TEXT], "list": [TEXT]},
    "options": _or_null(OBJECT),
    "rotation": _or_null(OBJECT),
    "complete": YES_OR_NO,
    "selection_complete": YES_OR_NO,
    "completeness": OBJECT,
    "tables_looked_at": {"tables": [TEXT], "not_looked_at": [TEXT]},
    "pending": {"everywhere": ANSWER},
    "list": _or_null(OBJECT),
    "rows_with_a_retired_token": _or_null(COUNT),
    "guard": {
        "ok": YES_OR_NO,
        "holds": YES_OR_NO,
        "triggers": STATES,
        "indexes": STATES,
        "problems": [TEXT],
        "warnings": [TEXT],
    },
    "wal_position": TEXT,
    "replicas": [OBJECT],
    "last_runs": [OBJECT],
}
LIST = {
    "name": TEXT,
    "of": TEXT,
    "lines": COUNT,
    "rows_found": COUNT,
    "rows_still_to_be_rotated": COUNT,
}


def misfits(entry: Any, path: str) -> Iterator[str]:
    """Yield what is missing in an entry, or not what it must be."""
    found = list(_misfits(entry, ENTRY, path))
    if not found:
        read = entry["completeness"]
        shape = UNREAD if "not_read_because" in read else READ
        found += _misfits(read, shape, f"{path}.completeness")
        if "selection" in entry["pending"]:
            found += _misfits(entry["pending"]["selection"], ANSWER, f"{path}.pending.selection")
        if entry["list"] is not None:
            found += _misfits(entry["list"], LIST, f"{path}.list")
    yield from found


def _misfits(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(shape, Form):
        if not shape.fits(value):
            yield f"{path} is not {shape.name}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{path} is not a list"
            return
        for number, each in enumerate(value):
            yield from _misfits(each, shape[0], f"{path}[{number}]")
    elif not isinstance(value, Mapping):
        yield f"{path} is not an object"
    else:
        for name, part in shape.items():
            if name not in value:
                yield f"{path}.{name} is missing"
            else:
                yield from _misfits(value[name], part, f"{path}.{name}")
