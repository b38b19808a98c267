"""A part of a page that is sent again when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the page with its own id.

    ``version`` changes with its data.
    """

    name: str
    slug: str
    data: Any

    @property
    def id(self) -> str:
        return f"{self.name}-{self.slug}"

    @property
    def template(self) -> str:
        return f"token_rotation/pieces/{self.name}.html"

    @property
    def version(self) -> str:
        return sha256(repr(self.data).encode()).hexdigest()[:16]
