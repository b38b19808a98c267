"""Read an evidence file, and believe nothing that lacks a part or contradicts itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from token_rotation.errors import EvidenceError
from token_rotation.operations.stored_output import read_object
from token_rotation.reporting.evidence import KIND
from token_rotation.reporting.evidence_shape import misfits
from token_rotation.reporting.parts_of_evidence import contradictions
from token_rotation.reporting.signed.envelope import is_envelope

if TYPE_CHECKING:
    from token_rotation.reporting.signed.keys import VerifyingKey


def read_evidence(file: str, key: VerifyingKey | None = None) -> list[dict[str, Any]]:
    """Return the entries of a file. With a key, only of one that this key signed.

    Raises EvidenceError, also for a signed file without a key: nobody would look at the signature.
    """
    try:
        text = Path(file).read_bytes().decode()
    except OSError as error:
        raise EvidenceError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise _no_json(file) from None
    document = _parsed(file, text)
    if is_envelope(document):
        document = _parsed(file, _opened(file, text, document, key))
    elif key is not None:
        raise EvidenceError(
            f"{file} proves nothing: it is not signed, and a public key was given. Write it with "
            "TOKEN_ROTATION_EVIDENCE_SIGNING_KEY set"
        )
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


def _opened(file: str, text: str, document: dict[str, Any], key: VerifyingKey | None) -> bytes:
    if key is None:
        raise EvidenceError(
            f"{file} is signed, and no key to verify it is known. Name it: --public-key FILE"
        )
    payload = key.open(text, document)
    if payload is None:
        raise EvidenceError(
            f"{file} proves nothing: its signature does not fit. It was changed, or a key other "
            f"than {key.id} signed it"
        )
    return payload


def _parsed(file: str, text: str | bytes) -> dict[str, Any]:
    try:
        return read_object(json.loads(text))
    except (ValueError, RecursionError):
        raise _no_json(file) from None


def _no_json(file: str) -> EvidenceError:
    return EvidenceError(f"{file} is no JSON file. --evidence FILE writes one")


def _doubts(number: int, entry: Any) -> Iterator[str]:
    path = f"targets[{number}]"
    found = list(misfits(entry, path))
    yield from found or (f"{path}: {each}" for each in contradictions(entry))
