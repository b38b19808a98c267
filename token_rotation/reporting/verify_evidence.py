"""Compare an evidence file with the database as it is now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from token_rotation import wording
from token_rotation.errors import NotReadyError
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.postgres.reading import reading
from token_rotation.reporting.compare_evidence import differences
from token_rotation.reporting.guard_values import guard_values
from token_rotation.reporting.parts_of_evidence import selection_of
from token_rotation.reporting.read_evidence import read_evidence
from token_rotation.reporting.signed.site_keys import verifying_key
from token_rotation.retired.kept import still_valid
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.resolve import resolve_recorded


def verify_evidence(
    file: str,
    database: str,
    say: Callable[[str], None],
    *,
    at_most_seconds: float,
    public_key: str | None = None,
) -> bool:
    """Say a line for each difference between the file and the database.

    Return True when there is none: what the file says complete is so now. It reads each table once.
    ``public_key`` names the file of the key that must have signed it; None: the site's, if any.
    Raises EvidenceError for a file that is no evidence, and other RotationErrors.
    """
    same, key = True, verifying_key(public_key)
    entries = read_evidence(file, key)
    if key is not None:
        say(f"{file}: signed by the key {key.id}, and unchanged since.")
    for entry in entries:
        selection = selection_of(entry)
        (target,) = find_targets(database, [entry["model"]])
        target = resolve_recorded(target, entry["selected"])
        verdict, now = looked_up(target, at_most_seconds, list_only=selection.is_list_only)
        found = list(differences(entry, now))
        for line in found:
            say(f"{target.label}: {line}.")
        if found and verdict.outside:
            say(f"{target.label}: selection {entry['selection']}: {_outside(target, verdict)}.")
        if not found:
            say(_as_it_was(target, entry, verdict))
        same = same and not found and verdict.nothing_anywhere
    return same


def looked_up(
    target: Target, at_most_seconds: float, *, list_only: bool = False
) -> tuple[Verdict | Unread, dict[str, Any]]:
    """Read the table now; return the verdict, and values as in an evidence entry.

    With ``list_only`` only the rows of a list were rotated, and others may be pending.
    """
    with reading(target.database) as connection:
        guard = inspect(connection, target)
        if not guard.triggers or guard.is_blind:
            raise NotReadyError(tuple(str(problem) for problem in guard.problems))
        verdict = HeapRead(connection, target, at_most_seconds=at_most_seconds).run()
        if isinstance(verdict, Verdict):
            verdict = replace(verdict, list_only=list_only)
        return verdict, {
            "table": target.table,
            "token_column": target.token_column,
            "completeness": verdict.as_values(),
            "guard": guard_values(guard),
            "rows_with_a_retired_token": still_valid(connection, target) if keeps(target) else None,
        }


def _as_it_was(target: Target, entry: dict[str, Any], verdict: Verdict | Unread) -> str:
    then, selection = entry["completeness"], entry["selection"]
    rows = verdict.rows if isinstance(verdict, Verdict) else None
    is_narrowed = selection_of(entry).leaves_rows_out
    what = f"the selection {selection} is complete" if is_narrowed else "complete"
    outside = f"; {_outside(target, verdict)}" if is_narrowed else ""
    said = (
        f"{target.label}: {what}, as the evidence of {then['read_at']} says{outside}. It was read "
        f"again: {wording.count(rows)} rows now, {wording.count(then['rows'])} then."
    )
    if entry["selected"]["list"]:
        said = f"{said} The list is not in the evidence: verify_tokens FILE looks it up."
    unknown = _not_compared(verdict)
    return f"{said} Not compared, as this role may not read it: {unknown}." if unknown else said


def _outside(target: Target, verdict: Verdict | Unread) -> str:
    rows = verdict.outside
    verb = "is" if rows == 1 else "are"
    said = f"{wording.things(rows, 'row')} outside of it {verb} pending now"
    return f"{said} (to rotate: {target.unnarrowed.command})" if rows else said


def _not_compared(verdict: Verdict | Unread) -> str:
    if isinstance(verdict, Unread):
        return ""
    server = verdict.server
    known = {"system identifier": server.system_identifier, "timeline": server.timeline}
    return ", ".join(name for name, value in known.items() if value is None)
