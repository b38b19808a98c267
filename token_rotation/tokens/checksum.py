"""The checksum of a token: CRC32 in base62, as GitHub's tokens have it."""

from __future__ import annotations

import string
from zlib import crc32

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKSUM_LENGTH = 6
WITH_CHECKSUM = "token_rotation_with_checksum"
"""PostgreSQL's function that appends the checksum to a text; a migration creates it."""
CHECKSUM_MIGRATION = ("token_rotation", "0005_with_checksum")


def checksum(text: str) -> str:
    """Return six characters; one changed character of ``text`` always changes them."""
    rest, digits = crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(BASE62))
        digits = BASE62[digit] + digits
    return digits


def with_checksum(text: str) -> str:
    """Do what ``WITH_CHECKSUM`` does."""
    return text + checksum(text)
