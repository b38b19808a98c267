"""What the parts of an evidence entry say together.

Pure. The writer states it, and a reader compares it with what is stated.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from token_rotation.selection.selection import Selection

Values = Mapping[str, Any]


def is_complete(entry: Values) -> bool:
    """Return True if no row of the whole table is pending, and no leaked token can come back."""
    return bool(
        selection_is_complete(entry)
        and entry["completeness"]["complete"]
        and entry["pending"]["everywhere"]["answer"] == 0
    )


def selection_is_complete(entry: Values) -> bool:
    """Return True if no selected row is pending, and no leaked token can come back."""
    return bool(
        entry["completeness"].get("selection_complete")
        and entry["guard"]["holds"]
        and not entry["rows_with_a_retired_token"]
        and not (entry["list"] or {}).get("rows_still_to_be_rotated")
        and _selected_pending(entry) == 0
    )


def selection_of(entry: Values) -> Selection:
    """Return the recorded selection, without its compiled condition."""
    selected = entry["selected"]
    time = selected["issued_before"]
    return Selection(
        issued_before=None if time is None else datetime.fromisoformat(time),
        where=tuple(selected["where"]),
        list_args=tuple(selected["list"]),
    )


def contradictions(entry: Values) -> Iterator[str]:
    """Yield what cannot be so beside the rest. The entry has the right shape."""
    selection, read = selection_of(entry), entry["completeness"]
    if entry["selection"] != (shlex.join(selection.cli_args) or None):
        yield "selection is not what selected says"
    if bool(selection.where) != ("selection" in entry["pending"]):
        yield "pending counts another selection"
    for name, so in (("complete", is_complete), ("selection_complete", selection_is_complete)):
        if entry[name] != so(entry):
            yield f"{name} is {str(entry[name]).lower()}, and its parts say otherwise"
    guard = entry["guard"]
    if guard["holds"] and set(guard["triggers"].values()) != {"enabled"}:
        yield "guard.holds is true, and not every trigger is enabled"
    if "not_read_because" in read:
        return
    yield from _of_the_read(read, is_whole=not selection.leaves_rows_out)
    names = [each["name"] for each in read["relations"]]
    if entry["tables_looked_at"]["tables"] != names:
        yield "tables_looked_at are not the relations of completeness"
    if entry["database"] != read["database"]:
        yield "database is not that of completeness"


def _of_the_read(read: Values, *, is_whole: bool) -> Iterator[str]:
    is_primary = not (read["is_standby"] or read["is_read_only"])
    pending, outside = read["pending_rows"], read["pending_rows_outside"]
    is_sure = is_primary and not read["open_writers"]
    if read["selection_complete"] != (pending == 0 and is_sure):
        yield "completeness.selection_complete is not what its counts say"
    if read["complete"] != (read["selection_complete"] and outside == 0):
        yield "completeness.complete is not what its counts say"
    if outside > read["pending_rows_everywhere"] or (is_whole and outside):
        yield "completeness.pending_rows_outside is not what its counts say"
    if read["complete"] and (read["pending_rows_everywhere"] or read["damaged_indexes"]):
        yield "completeness.complete is not what its counts say"
    if sum(each["rows"] for each in read["relations"]) != read["rows"]:
        yield "completeness.rows is not the sum of its relations"
    if is_primary and read["wal_position_before"] is None:
        yield "completeness.wal_position_before is null"


def _selected_pending(entry: Values) -> int:
    """Return the pending rows of the selection; a list's are counted with the list."""
    pending = entry["pending"]
    if entry["selected"]["list"][:1] == ["--only"]:
        return 0
    answer: int = pending.get("selection", pending["everywhere"])["answer"]
    return answer
