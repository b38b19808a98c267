"""What derives from a token is recognised in any usual form, and chance is not taken for it."""

import base64
import hashlib
import secrets
import uuid

import pytest

from token_rotation.inspection.columns.digests import (
    LEAST_CUT_DIGEST,
    may_hold_bytes,
    written_forms,
)
from token_rotation.inspection.columns.likeness import Token, Value, is_password_hash, likeness_of

TEXT = "tk_live_q3Zx81Lp0vBnM5wK7sYd2Fhc"
HEX = "9f0c6b1d2e3a4f5b8c7d6e5f4a3b2c1d"
KEY = uuid.UUID("5ba47fcd-0b77-4a39-9f6e-6b1f9d0a7c11")


def b64(raw: bytes, *, urlsafe: bool = False) -> str:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return encode(raw).decode()


def sha(algorithm: str, source: bytes) -> str:
    return hashlib.new(algorithm, source).hexdigest()


@pytest.mark.parametrize(
    ("token", "value", "what"),
    [
        (TEXT, sha("md5", TEXT.encode()), "the md5 of the token in hexadecimal"),
        (TEXT, sha("sha1", TEXT.encode()), "the sha1 of the token in hexadecimal"),
        (TEXT, sha("sha256", TEXT.encode()), "the sha256 of the token in hexadecimal"),
        (TEXT, sha("sha512", TEXT.encode()).upper(), "the sha512 of the token in hexadecimal"),
        (TEXT, "sha512$$" + sha("sha512", TEXT.encode()), "the sha512 of the token in hexadecimal"),
        (TEXT, sha("sha256", TEXT.encode())[:16], "the sha256 of the token in hexadecimal"),
        (TEXT, sha("sha256", TEXT[8:].encode()), "the sha256 of the token in hexadecimal"),
        (TEXT, b64(hashlib.sha256(TEXT.encode()).digest()), "the sha256 of the token in base64"),
        (
            TEXT,
            b64(hashlib.sha512(TEXT.encode()).digest(), urlsafe=True).rstrip("="),
            "the sha512 of the token in base64",
        ),
        (TEXT, hashlib.sha256(TEXT.encode()).digest(), "the sha256 of the token"),
        (TEXT, hashlib.sha256(TEXT.encode()).digest()[:20], "the sha256 of the token"),
        (TEXT, str(uuid.UUID(sha("md5", TEXT.encode()))), "the md5 of the token in hexadecimal"),
        (TEXT, f"https://shop.example/k/{TEXT}?x", "the token itself"),
        (TEXT, TEXT.upper(), "the token itself"),
        (TEXT, TEXT.encode(), "the token"),
        (TEXT, b64(TEXT.encode()), "the token in base64"),
        (TEXT, TEXT[:12], "the token's first 12 characters"),
        (TEXT, "****" + TEXT[-8:], "the token's last 8 characters"),
        (TEXT, TEXT[:12].encode(), "the token's first 12 characters"),
        (TEXT, TEXT[8:20], "a part of the token"),
        (HEX, sha("sha512", bytes.fromhex(HEX)), "the sha512 of the token in hexadecimal"),
        (HEX, HEX[:8], "the token's first 8 characters"),
        (str(KEY), KEY.hex, "the token itself"),
        (str(KEY), KEY.bytes, "the token"),
        (str(KEY), sha("sha256", KEY.hex.encode()), "the sha256 of the token in hexadecimal"),
        (str(KEY), sha("sha256", KEY.bytes), "the sha256 of the token in hexadecimal"),
        (str(KEY), KEY.hex[:8], "the token's first 8 characters"),
        (KEY.bytes, KEY.hex, "the token itself"),
        (KEY.bytes, hashlib.md5(KEY.bytes).digest(), "the md5 of the token"),
    ],
)
def test_one_value_of_a_usual_form_is_enough(token: Value, value: Value, what: str) -> None:
    found = likeness_of([(Token(token), value)])
    assert found is not None
    assert (found.likeness.what, found.rows) == (what, 1)


@pytest.mark.parametrize("token", [TEXT, HEX, str(KEY), KEY.bytes, "8 bytes!"])
def test_the_quick_look_lets_every_written_form_pass(token: Value) -> None:
    for made in written_forms(token):
        for form in (made.hexadecimal, made.hexadecimal.upper(), *made.base64):
            held = [f"key: {form} (old)", f"sha1${form}"]
            ends = [form[:LEAST_CUT_DIGEST], form[-LEAST_CUT_DIGEST:]] if made.is_digest else []
            assert all(may_hold_bytes(value.casefold()) for value in (*held, *ends))
    assert not may_hold_bytes("ada lovelace")
    assert not may_hold_bytes("2026-11-28 09:00:00+00")
    assert not may_hold_bytes("1,500.00")


@pytest.mark.parametrize(
    "value",
    ["", "open", "tk", "a note about nothing", sha("sha256", b"another"), b"\xff\x00\x01", b""],
)
def test_what_has_nothing_to_do_with_the_token_is_nothing(value: Value) -> None:
    assert likeness_of([(Token(TEXT), value)]) is None
    assert likeness_of([]) is None


def test_a_prefix_that_tokens_share_tells_nothing_of_them() -> None:
    tokens = [Token(f"sandbox_{secrets.token_hex(16)}") for _ in range(20)]
    assert likeness_of([(token, "sandbox_") for token in tokens]) is None
    assert likeness_of([(token, "sandbox") for token in tokens]) is None


def test_one_part_of_six_characters_is_enough_and_shorter_ones_must_be_many_and_differ() -> None:
    tokens = [secrets.token_hex(16) for _ in range(100)]
    rows = [(Token(token), "no part of it") for token in tokens]
    assert likeness_of(rows) is None
    found = likeness_of([*rows[1:], (Token(tokens[0]), tokens[0][:6])])
    assert found is not None
    assert (found.likeness.what, found.rows) == ("the token's first 6 characters", 1)
    short = [(Token(token), token[-4:]) for token in tokens]
    assert likeness_of([*rows[1:], short[0]]) is None
    assert likeness_of([*rows[:51], *short[51:]]) is None
    found = likeness_of([*rows[:50], *short[50:]])
    assert found is not None
    assert (found.likeness.what, found.rows) == ("the token's last 4 characters", 50)
    kinds = [
        (Token(f"{kind}-{token}"), kind) for kind in ("live", "test", "dev") for token in tokens
    ]
    assert likeness_of(kinds) is None


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (TEXT, "{token}"),
        (TEXT[:12], "left({token}::text, 12)"),
        (TEXT[-8:], "right({token}::text, 8)"),
        (
            sha("sha256", TEXT.encode()),
            "encode(sha256(convert_to({token}::text, 'UTF8')), 'hex')",
        ),
        (hashlib.sha512(TEXT.encode()).digest(), "sha512(convert_to({token}::text, 'UTF8'))"),
        (sha("sha256", TEXT.encode()).upper(), None),
        (sha("sha256", TEXT[8:].encode()), None),
        (sha("sha1", TEXT.encode()), None),
        ("****" + TEXT[-8:], None),
    ],
)
def test_sql_is_proposed_only_where_it_makes_exactly_the_value(
    value: Value, sql: str | None
) -> None:
    found = Token(TEXT).like(value)
    assert found is not None
    assert found.sql == sql


@pytest.mark.parametrize(
    "value",
    [
        "pbkdf2_sha256$1000000$abc$def=",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$abc$def",
        "bcrypt_sha256$$2b$12$abc",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=65536,t=3,p=4$abc$def",
        "sha512$$0f0f",
        "$6$salt$hash",
        "{SSHA}abc",
    ],
)
def test_hashes_of_passwords_are_known_by_how_they_are_written(value: str) -> None:
    assert is_password_hash(value)


@pytest.mark.parametrize("value", [TEXT, HEX, str(KEY), "!" + HEX, b"$2b$12$abc", "$x", "sha256"])
def test_tokens_are_no_hashes_of_passwords(value: Value) -> None:
    assert not is_password_hash(value)
