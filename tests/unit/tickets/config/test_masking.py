"""No token passes the mask, however it is written; everything else does."""

import logging
import sys
from uuid import UUID

import pytest

from tickets.config.masking import MaskTokens, mask

TOKEN = UUID("0123abcd-4567-489a-bcde-f0123456789a")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Not Found: /t/{TOKEN}/", "Not Found: /t/[token]/"),
        (f"GET /t/{TOKEN} HTTP/1.1", "GET /t/[token] HTTP/1.1"),
        (f"GET /t/{TOKEN}?x=1 HTTP/1.1", "GET /t/[token]?x=1 HTTP/1.1"),
        ("GET /t/0123abcd-4567 HTTP/1.1", "GET /t/[token] HTTP/1.1"),
        ("GET /t/a/b/ HTTP/1.1", "GET /t/[token]/b/ HTTP/1.1"),
        (f"/t/{TOKEN}/ /t/{TOKEN}/", "/t/[token]/ /t/[token]/"),
        (f"{TOKEN!r}", "UUID('[token]')"),
        (f"Key (token)=({TOKEN}) already exists", "Key (token)=([token]) already exists"),
        (f"{TOKEN}".upper(), "[token]"),
        (TOKEN.hex, "[token]"),
        (f"/%74/{TOKEN}/".replace("-", "%2D").replace("a", "%61"), "/t/[token]/"),
        (f"/admin/login/?next=%2Ft%2F{TOKEN}%2F", "/admin/login/?next=/t/[token]/"),
    ],
)
def test_a_token_is_masked_however_it_is_written(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Not Found: /favicon.ico",
        "GET /tickets/ HTTP/1.1",
        "rotated 1,000 of 100,000 (1.0 %)",
        "/admin/?q=%0a%22",
        "commit 0123abcd45674bcd9abcdef0123456789a000000",
    ],
)
def test_everything_else_is_left_alone(text: str) -> None:
    assert mask(text) == text


def test_a_record_is_masked_in_its_message_its_traceback_and_its_stack() -> None:
    try:
        UUID(f"{TOKEN}x")
    except ValueError as error:
        error.add_note(f"{TOKEN}")
        record = logging.LogRecord(
            "x", logging.ERROR, "x", 1, "at %s", (f"/t/{TOKEN}/",), sys.exc_info()
        )
    record.stack_info = f"in {TOKEN}"

    assert MaskTokens().filter(record)

    written = logging.Formatter().format(record)
    assert f"{TOKEN}" not in written
    assert "at /t/[token]/" in written
    assert "\n[token]" in written
