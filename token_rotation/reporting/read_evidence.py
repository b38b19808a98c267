"""Read an evidence file, and believe nothing that lacks a part or contradicts itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from token_rotation.errors import EvidenceError
from token_rotation.operations.stored_output import read_object
from token_rotation.reporting.evidence import KIND
from token_rotation.reporting.evidence_shape import misfits
from token_rotation.reporting.parts_of_evidence import contradictions


def read_evidence(file: str) -> list[dict[str, Any]]:
    """Return the entries of a file. Raises EvidenceError."""
    try:
        document = read_object(json.loads(Path(file).read_text(encoding="utf-8")))
    except OSError as error:
        raise EvidenceError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise EvidenceError(f"{file} is no JSON file. --evidence FILE writes one") from None
    entries = document.get("targets")
    if document.get("evidence") != KIND or not isinstance(entries, list) or not entries:
        raise EvidenceError(f"{file} holds no evidence. --evidence FILE writes it")
    doubt = next(chain.from_iterable(map(_doubts, range(len(entries)), entries)), None)
    if doubt is not None:
        raise EvidenceError(
            f"{file} proves nothing: {doubt}. It was changed, or another version wrote it. To "
            f"write it anew: python manage.py rotate_tokens --report --exact --evidence {file}"
        )
    return entries


def _doubts(number: int, entry: Any) -> Iterator[str]:
    path = f"targets[{number}]"
    found = list(misfits(entry, path))
    yield from found or (f"{path}: {each}" for each in contradictions(entry))
