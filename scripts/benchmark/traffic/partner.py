"""A secret-scanning partner that sends signed reports over HTTP."""

import json
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmark.errors import BenchmarkError
from benchmark.projects.leak_reports import KEY_ID

TIMEOUT_SECONDS = 60.0
_WHERE = {"type": "ticket", "url": "https://example.com/", "source": "commit"}


@dataclass(frozen=True, slots=True)
class Reported:
    """How long the answer took, when it came, and how many tokens it calls true."""

    seconds: float
    answered_at: float
    true_positives: int


class Partner:
    """Has a key of its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def report(self, port: int, tokens: Sequence[str]) -> Reported:
        """Send one report. Raises BenchmarkError unless it is answered with 200."""
        body = json.dumps([{"token": token, **_WHERE} for token in tokens]).encode()
        signature = self._key.sign(body, ec.ECDSA(SHA256()))
        headers = {
            "Content-Type": "application/json",
            "Github-Public-Key-Identifier": KEY_ID,
            "Github-Public-Key-Signature": b64encode(signature).decode(),
        }
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        started = time.perf_counter()
        try:
            connection.request("POST", "/leaks/report", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        now = time.perf_counter()
        if answer.status != 200:
            raise BenchmarkError(f"the report was answered with {answer.status}")
        labels = [each["label"] for each in json.loads(text)]
        return Reported(now - started, now, labels.count("true_positive"))
