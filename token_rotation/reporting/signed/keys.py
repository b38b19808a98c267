"""The site's keys for evidence: Ed25519, in PEM files. Needs the extra ``signed``."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from token_rotation.errors import EvidenceError
from token_rotation.reporting.signed.envelope import envelope, open_envelope, signed_bytes


class SigningKey:
    """A private key, which signs evidence."""

    def __init__(self, path: str) -> None:
        """Read the key. Raises EvidenceError, whose message holds nothing of the file."""
        self._key = _read(path, "private", lambda text: load_pem_private_key(text, password=None))
        if not isinstance(self._key, Ed25519PrivateKey):
            raise _unfit(path, "private")

    def sign(self, payload: bytes) -> dict[str, Any]:
        """Return the signed envelope of a payload."""
        return envelope(
            payload, self._key.sign(signed_bytes(payload)), _id_of(self._key.public_key())
        )


class VerifyingKey:
    """A public key, which tells if its private key has signed evidence."""

    def __init__(self, path: str) -> None:
        """Read the key. Raises EvidenceError."""
        self._key = _read(path, "public", load_pem_public_key)
        if not isinstance(self._key, Ed25519PublicKey):
            raise _unfit(path, "public")
        self.id = _id_of(self._key)

    def open(self, text: str, document: dict[str, Any]) -> bytes | None:
        """Return the payload of an envelope that this key signed; None for any other."""
        return open_envelope(text, document, self.id, self._fits)

    def _fits(self, signature: bytes, signed: bytes) -> bool:
        try:
            self._key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


def _read(path: str, kind: str, load: Callable[[bytes], Any]) -> Any:
    try:
        return load(Path(path).read_bytes())
    except OSError as error:
        raise EvidenceError(
            f"the {kind} key {path} cannot be read: {error.strerror}. Nothing was done"
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        raise _unfit(path, kind) from None


def _unfit(path: str, kind: str) -> EvidenceError:
    return EvidenceError(
        f"{path} holds no {kind} Ed25519 key in PEM without a passphrase. Nothing was done; "
        "docs/how-to/prove.md says how to make one"
    )


def _id_of(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the key in DER, as `openssl pkey -pubin -outform DER` writes it."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
