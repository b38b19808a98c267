"""PostgreSQL's functions in the defaults of tokens, for SQLite.

An application's tests may run there. Each row gets a token of its own, in its format.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from uuid import uuid4

from token_rotation.tokens.checksum import WITH_CHECKSUM, with_checksum

LEFT = "token_rotation_left"
"""Stands for ``left()``, which SQLite before 3.41 reads as a part of LEFT JOIN."""


def _translate(text: str, characters: str, images: str) -> str:
    """Replace each character by its image, or drop it where it has none."""
    table = {ord(each): images[place : place + 1] for place, each in enumerate(characters)}
    return text.translate(table)


FUNCTIONS: dict[str, tuple[int, Callable[..., str]]] = {
    "gen_random_uuid": (0, lambda: uuid4().hex),
    "uuid_send": (1, lambda uuid: uuid),
    "sha256": (1, lambda _: secrets.token_hex(16)),
    "encode": (2, lambda text, _: b64encode(text.encode()).decode()),
    "translate": (3, _translate),
    "chr": (1, chr),
    LEFT: (2, lambda text, length: text[:length]),
    WITH_CHECKSUM: (1, with_checksum),
}
"""The number of arguments and the function, by name."""
