"""Only the owner of a known key can sign a report, and unknown ids cost little."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.signing import Signer
from token_rotation.intake.partner import published_keys as module
from token_rotation.intake.partner.published_keys import KeysUnavailableError, PublishedKeys
from token_rotation.intake.partner.signature import has_signed

# The example in GitHub's documentation of its partner program, and the key that it published.
PUBLISHED = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd
AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==
-----END PUBLIC KEY-----
"""
EXAMPLE = (
    b'[{"source":"commit","token":"some_token","type":"some_type",'
    b'"url":"https://example.com/base-repo-url/"}]'
)
SIGNATURE = (
    "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/"
    "AO1RtBY66YcAdjxji410VQV4xg=="
)
URL = "https://keys.example.com/"


def test_the_published_example_is_accepted_and_no_other_body() -> None:
    assert has_signed(PUBLISHED, SIGNATURE, EXAMPLE)
    assert not has_signed(PUBLISHED, SIGNATURE, EXAMPLE + b"\n")
    for forged in ("", "?", "AAAA", SIGNATURE[:-8] + SIGNATURE[-8:].swapcase()):
        assert not has_signed(PUBLISHED, forged, EXAMPLE)


def test_another_keys_signature_does_not_count_and_another_curve_is_refused() -> None:
    signer = Signer()
    assert has_signed(signer.pem, signer.signature(EXAMPLE), EXAMPLE)
    assert not has_signed(signer.pem, Signer().signature(EXAMPLE), EXAMPLE)
    other = Signer(curve=ec.SECP384R1())
    with pytest.raises(ValueError, match="P-256"):
        has_signed(other.pem, other.signature(EXAMPLE), EXAMPLE)
    with pytest.raises(ValueError, match="no public key"):
        has_signed("text", SIGNATURE, EXAMPLE)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """clock(n): n seconds go by."""
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def go(seconds: float) -> None:
        now[0] += seconds

    return go


class Publisher:
    """Publishes keys, or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys: dict[str, str] = {"first": "PEM 1"}
        self.error: Exception | None = None

    def __call__(self, url: str) -> bytes:
        self.asked += 1
        if self.error is not None:
            raise self.error
        listed: list[Any] = [
            {"key_identifier": key, "key": pem, "is_current": True}
            for key, pem in self.keys.items()
        ]
        return json.dumps({"public_keys": listed}).encode()


def test_keys_are_fetched_once_and_again_for_an_unknown_id_once_a_minute(
    clock: Callable[[float], None],
) -> None:
    publisher = Publisher()
    keys = PublishedKeys(URL, publisher)
    assert [keys.key("first") for _ in range(3)] == ["PEM 1"] * 3
    assert [keys.key("second") for _ in range(3)] == [None] * 3
    assert publisher.asked == 1
    publisher.keys["second"] = "PEM 2"
    clock(61)
    assert [keys.key("second"), keys.key("third")] == ["PEM 2", None]
    assert publisher.asked == 2


def test_keys_are_fetched_over_http_and_no_redirect_or_large_answer_is_followed() -> None:
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/keys")
            self.end_headers()
            self.wfile.write(b" " * (300_000 if self.path == "/large" else 0) + publisher(""))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert PublishedKeys(f"{url}/keys").key("first") == "PEM 1"
        for path in ("/moved", "/large"):
            with pytest.raises(KeysUnavailableError):
                PublishedKeys(url + path).key("first")
        server.shutdown()


def test_a_key_that_is_withdrawn_counts_for_an_hour_at_most(
    clock: Callable[[float], None],
) -> None:
    publisher = Publisher()
    keys = PublishedKeys(URL, publisher)
    assert keys.key("first") == "PEM 1"
    publisher.keys.clear()
    clock(3_601)
    assert keys.key("first") is None


def test_while_keys_cannot_be_fetched_known_ones_count_and_others_are_unknown(
    clock: Callable[[float], None],
) -> None:
    publisher = Publisher()
    publisher.error = TimeoutError()
    keys = PublishedKeys(URL, publisher)
    for _ in range(2):
        with pytest.raises(KeysUnavailableError):
            keys.key("first")
    assert publisher.asked == 1
    publisher.error = None
    clock(61)
    assert keys.key("first") == "PEM 1"
    publisher.error = ValueError("no JSON")
    clock(3_601)
    assert keys.key("first") == "PEM 1"
    with pytest.raises(KeysUnavailableError):
        keys.key("second")
