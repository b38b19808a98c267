"""The signature of a partner: ECDSA on P-256 over the SHA-256 of a body. Needs ``intake``."""

from __future__ import annotations

from base64 import b64decode

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def has_signed(pem: str, signature: str, body: bytes) -> bool:
    """Return True if the owner of a key signed a body; ``signature`` is DER in base64.

    Raises ValueError for a key of another kind.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm, AttributeError):
        raise ValueError("no public key in PEM") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("no key on the curve P-256")  # noqa: TRY004  (it may come from a URL)
    try:
        key.verify(b64decode(signature, validate=True), body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
