"""Keys of the demo's own, with which it signs evidence and verifies it."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


def make_keys(directory: Path) -> dict[str, str]:
    """Write both keys into the directory, and return the variables that name them."""
    key = Ed25519PrivateKey.generate()
    private, public = directory / "evidence.pem", directory / "evidence.pub"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return {
        "TOKEN_ROTATION_EVIDENCE_SIGNING_KEY": str(private),
        "TOKEN_ROTATION_EVIDENCE_PUBLIC_KEY": str(public),
    }
