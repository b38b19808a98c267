"""Read bodies of reports, and write the partner's answer. Pure."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from token_rotation.intake.outcome import LeakOutcome
from token_rotation.intake.report import OTHER, ReportedToken, known_source

MOST_TOKENS = 1_000


class BodyError(Exception):
    """The body has another shape."""


class TooManyTokensError(BodyError):
    """More tokens than one call may have."""


def read_partner(body: bytes) -> tuple[ReportedToken, ...]:
    """Read a list of objects with ``token``, ``type``, ``url`` and ``source``.

    The URL is left out: it may hold the token. Raises BodyError.
    """
    return tuple(map(_partners_token, _list(_json(body))))


def read_tokens(body: bytes) -> tuple[ReportedToken, ...]:
    """Read an object whose ``tokens`` is a list of texts, 1,000 at most.

    Raises BodyError.
    """
    document = _json(body)
    listed = _list(document.get("tokens")) if isinstance(document, dict) else []
    if len(listed) > MOST_TOKENS:
        raise TooManyTokensError
    if not listed or not all(isinstance(each, str) for each in listed):
        raise BodyError
    return tuple(ReportedToken(each, source=OTHER) for each in listed)


def partners_answer(tokens: tuple[ReportedToken, ...], outcome: LeakOutcome) -> str:
    """Return the labels of what is known, with the SHA-256 of each token."""
    labelled = ((each, outcome.label_of(each.text)) for each in tokens)
    return json.dumps(
        [
            {
                "token_hash": sha256(each.text.encode(errors="surrogatepass")).hexdigest(),
                "token_type": each.kind,
                "label": label,
            }
            for each, label in labelled
            if label is not None
        ]
    )


def _partners_token(entry: Any) -> ReportedToken:
    if not isinstance(entry, dict):
        raise BodyError
    token, kind = entry.get("token"), entry.get("type")
    if not isinstance(token, str) or not isinstance(kind, str):
        raise BodyError
    return ReportedToken(token, kind, known_source(entry.get("source")))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BodyError
    return value


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        raise BodyError from None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names something twice: only the last one would be read."""
    document = dict(pairs)
    if len(document) < len(pairs):
        raise BodyError
    return document
