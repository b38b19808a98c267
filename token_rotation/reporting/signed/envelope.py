"""The envelope of signed evidence, as DSSE 1 describes it. Pure."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

PAYLOAD_TYPE = "application/vnd.django-token-rotation.evidence+json"


def signed_bytes(payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding, with the type of the payload."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, signature: bytes, key_id: str) -> dict[str, Any]:
    """Return the envelope of a payload with one signature."""
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": b64encode(payload).decode(),
        "signatures": [{"keyid": key_id, "sig": b64encode(signature).decode()}],
    }


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as a file of evidence holds it."""
    return f"{json.dumps(document, indent=2)}\n"


def is_envelope(document: Mapping[str, Any]) -> bool:
    """Return True for what somebody may have signed."""
    return "payload" in document or "signatures" in document


def open_envelope(
    text: str, document: Mapping[str, Any], key_id: str, fits: Callable[[bytes, bytes], bool]
) -> bytes | None:
    """Return the payload; None unless every byte of the text is as it was written.

    ``fits`` tells if a signature fits the bytes. An envelope that is written anew from what was
    read must have the same text: base64 and JSON have several for one value.
    """
    try:
        (signature,) = document["signatures"]
        payload = b64decode(document["payload"], validate=True)
        sig = b64decode(signature["sig"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None
    is_as_written = as_text(envelope(payload, sig, key_id)) == text
    return payload if is_as_written and fits(sig, signed_bytes(payload)) else None
