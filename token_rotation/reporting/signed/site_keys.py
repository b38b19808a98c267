"""The keys that the site has set, if any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from token_rotation.errors import EvidenceError

if TYPE_CHECKING:
    from token_rotation.reporting.signed.keys import SigningKey, VerifyingKey


def signing_key() -> SigningKey | None:
    """Return the private key of the site; None if evidence is not signed.

    Raises EvidenceError.
    """
    path = getattr(settings, "TOKEN_ROTATION_EVIDENCE_SIGNING_KEY", None)
    if path is None:
        return None
    try:
        from token_rotation.reporting.signed.keys import SigningKey  # noqa: PLC0415  (the extra)
    except ModuleNotFoundError:
        raise _without_library() from None
    return SigningKey(str(path))


def verifying_key(path: str | None) -> VerifyingKey | None:
    """Return the public key in a file; None: the site's, or None if it has none.

    Raises EvidenceError.
    """
    path = path or getattr(settings, "TOKEN_ROTATION_EVIDENCE_PUBLIC_KEY", None)
    if path is None:
        return None
    try:
        from token_rotation.reporting.signed.keys import VerifyingKey  # noqa: PLC0415  (the extra)
    except ModuleNotFoundError:
        raise _without_library() from None
    return VerifyingKey(str(path))


def _without_library() -> EvidenceError:
    return EvidenceError(
        "signatures need a library that is not installed. Nothing was done. Run: "
        "pip install 'django-token-rotation[signed]'"
    )
