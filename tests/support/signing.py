"""A secret-scanning partner that signs its reports."""

import json
from base64 import b64encode
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Signer:
    """Has one key on P-256, or on another curve."""

    def __init__(self, key_id: str = "known", curve: ec.EllipticCurve | None = None) -> None:
        self.key_id = key_id
        self._key = ec.generate_private_key(curve or ec.SECP256R1())
        public = self._key.public_key()
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def signature(self, body: bytes) -> str:
        return b64encode(self._key.sign(body, ec.ECDSA(SHA256()))).decode()

    def headers(self, body: bytes, prefix: str = "Github-") -> dict[str, str]:
        return {
            f"{prefix}Public-Key-Identifier": self.key_id,
            f"{prefix}Public-Key-Signature": self.signature(body),
        }


def report_of(tokens: Iterable[object], **more: str) -> bytes:
    """A partner's body that reports the tokens."""
    url = "https://example.com/a"
    entry = {"type": "tkt", "url": url, "source": "commit", **more}
    return json.dumps([{"token": str(token), **entry} for token in tokens]).encode()
