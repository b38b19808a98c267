"""A signature holds for every byte of a file, and for the key that made it alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from token_rotation.errors import EvidenceError
from token_rotation.reporting.read_evidence import read_evidence
from token_rotation.reporting.signed.envelope import PAYLOAD_TYPE, as_text, signed_bytes
from token_rotation.reporting.signed.keys import SigningKey, VerifyingKey

PAYLOAD = as_text({"evidence": "é", "targets": []}).encode()


def pair(directory: Path, name: str, key: Any = None) -> tuple[str, str]:
    """Paths of a private and a public key."""
    made = key or ed25519.Ed25519PrivateKey.generate()
    private, public = directory / f"{name}.pem", directory / f"{name}.pub"
    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    private.write_bytes(made.private_bytes(*form))
    public.write_bytes(
        made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return str(private), str(public)


def test_what_is_signed_is_that_of_dsse() -> None:
    size = len(PAYLOAD_TYPE)
    assert signed_bytes(b"a b") == f"DSSEv1 {size} {PAYLOAD_TYPE} 3 a b".encode()


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    private, public = pair(tmp_path, "site")
    key, text = VerifyingKey(public), as_text(SigningKey(private).sign(PAYLOAD))
    assert key.open(text, json.loads(text)) == PAYLOAD
    for place in range(len(text)):
        for other in {chr(ord(text[place]) ^ 1), " ", "A"} - {text[place]}:
            changed = text[:place] + other + text[place + 1 :]
            try:
                document = json.loads(changed)
            except ValueError:
                continue  # no JSON file, which is told, too
            assert key.open(changed, document) is None, changed


def test_another_key_does_not_fit(tmp_path: Path) -> None:
    private, _ = pair(tmp_path, "site")
    _, public = pair(tmp_path, "other")
    text = as_text(SigningKey(private).sign(PAYLOAD))
    assert VerifyingKey(public).open(text, json.loads(text)) is None


@pytest.mark.parametrize("kind", ["missing", "empty", "rsa", "passphrase", "the other of the pair"])
def test_an_unfit_key_is_told_before_anything_is_done(tmp_path: Path, kind: str) -> None:
    private, public = pair(tmp_path, "site")
    if kind == "missing":
        private = public = str(tmp_path / "none")
    elif kind == "empty":
        Path(private).write_text("")
        Path(public).write_text("")
    elif kind == "rsa":
        private, public = pair(tmp_path, "rsa", rsa.generate_private_key(65537, 2048))
    elif kind == "passphrase":
        locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        Path(private).write_bytes(locked)
        public = private
    else:
        private, public = public, private
    for make, path in ((SigningKey, private), (VerifyingKey, public)):
        with pytest.raises(EvidenceError, match="Nothing was done") as told:
            make(path)
        assert "BEGIN" not in str(told.value)


def test_neither_an_unsigned_file_nor_an_unread_signature_passes(tmp_path: Path) -> None:
    private, public = pair(tmp_path, "site")
    file = tmp_path / "evidence.json"
    file.write_bytes(PAYLOAD)
    with pytest.raises(EvidenceError, match="it is not signed"):
        read_evidence(str(file), VerifyingKey(public))
    file.write_text(as_text(SigningKey(private).sign(PAYLOAD)))
    with pytest.raises(EvidenceError, match="--public-key FILE"):
        read_evidence(str(file))
    with pytest.raises(EvidenceError, match="holds no evidence"):  # its signature fits
        read_evidence(str(file), VerifyingKey(public))
