"""Compare an evidence file with the database as it is now."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from token_rotation import wording
from token_rotation.errors import EvidenceError, NotReadyError
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.operations.stored_output import read_object
from token_rotation.postgres.reading import reading
from token_rotation.reporting.compare_evidence import differences
from token_rotation.reporting.evidence import KIND
from token_rotation.reporting.guard_values import guard_values
from token_rotation.retired.kept import still_valid
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.resolve import resolve_recorded


def verify_evidence(
    file: str, database: str, say: Callable[[str], None], *, at_most_seconds: float
) -> bool:
    """Say a line for each difference between the file and the database.

    Return True when there is none: what the file says complete is so now. It reads each table once.
    Raises EvidenceError for a file that is no evidence, and other RotationErrors.
    """
    same = True
    for entry in read_evidence(file):
        selected = read_object(entry.get("selected"))
        target = _target(entry, selected, database)
        verdict, now = looked_up(target, at_most_seconds, list_only=_is_list_only(selected))
        found = list(differences(entry, now))
        for line in found:
            say(f"{target.label}: {line}.")
        if not found:
            say(_as_it_was(target, entry, verdict))
        same = same and not found
    return same


def read_evidence(file: str) -> list[dict[str, Any]]:
    """Return the entries of a file. Raises EvidenceError."""
    try:
        document = read_object(json.loads(Path(file).read_text(encoding="utf-8")))
    except OSError as error:
        raise EvidenceError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise EvidenceError(f"{file} is no JSON file. --evidence FILE writes one") from None
    entries = document.get("targets")
    if document.get("evidence") != KIND or not isinstance(entries, list) or not entries:
        raise EvidenceError(f"{file} holds no evidence. --evidence FILE writes it")
    if any("completeness" not in read_object(each) for each in entries):
        raise EvidenceError(
            f"{file} is of an older version, which did not read the table itself. To write it "
            f"anew: python manage.py rotate_tokens --report --exact --evidence {file}"
        )
    return [read_object(each) for each in entries]


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


def _target(entry: dict[str, Any], selected: dict[str, Any], database: str) -> Target:
    (target,) = find_targets(database, [str(entry.get("model"))])
    return resolve_recorded(target, selected)


def _is_list_only(selected: dict[str, Any]) -> bool:
    list_args = selected.get("list")
    return isinstance(list_args, list) and list_args[:1] == ["--only"]


def _as_it_was(target: Target, entry: dict[str, Any], verdict: Verdict | Unread) -> str:
    then = read_object(entry["completeness"])
    rows = verdict.rows if isinstance(verdict, Verdict) else None
    said = (
        f"{target.label}: complete, as the evidence of {then.get('read_at')} says. It was read "
        f"again: {wording.count(rows)} rows now, {wording.count(then.get('rows'))} then."
    )
    if not _is_list_only(read_object(entry.get("selected"))):
        return said
    return f"{said} The list is not in the evidence: verify_tokens FILE looks it up."
