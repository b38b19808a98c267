"""What an operator asks of ``rotate_tokens``: the parsed command line with types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from token_rotation.management.flag import Mode
from token_rotation.management.rotate_flags import mode_of
from token_rotation.options import (
    ListOptions,
    ReportOptions,
    RotationOptions,
    SelectionOptions,
)


@dataclass(frozen=True, slots=True)
class RotateRequest:
    """One command line of ``rotate_tokens``. Without ``models`` every model is meant."""

    mode: Mode
    database: str
    models: tuple[str, ...]
    selection: SelectionOptions
    rotation: RotationOptions
    clean_up: bool
    report: ReportOptions
    progress: str
    follow: bool
    evidence_file: str | None


def read_request(parsed: Mapping[str, Any]) -> RotateRequest:
    """Turn parsed arguments into a request.

    Raises CommandError for what does not go together.
    """
    return RotateRequest(
        mode=mode_of(parsed),
        database=parsed["database"],
        models=tuple(parsed["models"]),
        selection=SelectionOptions(
            parsed["issued_before"], tuple(parsed["where"] or ()), _list_options(parsed)
        ),
        rotation=rotation_options(parsed),
        clean_up=bool(parsed["finish"]),
        report=ReportOptions(parsed["format"] or "text", exact=bool(parsed["exact"])),
        progress=parsed["progress"] or "auto",
        follow=bool(parsed["follow"]),
        evidence_file=parsed["evidence"],
    )


def rotation_options(parsed: Mapping[str, Any]) -> RotationOptions:
    """The engine's options: what was typed, and the defaults of the rest."""
    typed = {field.name: parsed.get(field.name) for field in fields(RotationOptions)}
    return RotationOptions(**{name: value for name, value in typed.items() if value is not None})


def _list_options(parsed: Mapping[str, Any]) -> ListOptions | None:
    for name in ("only", "first"):
        if parsed[name] is not None:
            return ListOptions(parsed[name], parsed["list_of"], is_only=name == "only")
    return None
