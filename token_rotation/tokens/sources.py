"""The two sources of fresh tokens, SQL and Python.

An SQL expression, or a Python function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from token_rotation.errors import TokenSourceError

MakeTokens = Callable[[int], Iterable[object]]
"""n: n different new tokens, each a str, UUID, int or bytes."""


@dataclass(frozen=True, slots=True)
class SqlTokens:
    """An SQL expression that gives each row a new token.

    It does so each time it is evaluated on a row.
    """

    expression: str

    def take(self, count: int) -> None:
        """Return None: the UPDATE makes the tokens itself."""


@dataclass(frozen=True, slots=True)
class PythonTokens:
    """A function that makes many tokens at a time.

    Each worker calls it in its own thread before every batch, with no transaction open. Tokens
    made for rows that turn out to be locked are thrown away.
    """

    make: MakeTokens

    @property
    def expression(self) -> None:
        """Return None: no SQL makes these tokens."""

    def take(self, count: int) -> list[str]:
        """Return ``count`` different tokens, as PostgreSQL reads them.

        They fit a column of any type.

        Raises TokenSourceError, whose message holds no token, when the function did not make them.
        """
        try:
            made = self.make(count)
            # One more than asked for is enough to know; a generator may be endless.
            tokens = [_as_text(token) for token in islice(_each(made), count + 1)]
        except _NotATokenError as error:
            raise TokenSourceError(f"{self} {error}") from None
        except (Exception, SystemExit) as error:  # noqa: BLE001  (it may quote a token)
            raise TokenSourceError(f"{self} raised {type(error).__name__}") from None
        if len(tokens) != count:
            more = "more" if len(tokens) > count else f"only {len(tokens):,}"
            raise TokenSourceError(f"{self} was asked for {count:,} tokens and made {more}")
        if len(set(tokens)) != count:
            raise TokenSourceError(f"{self} made the same token twice among {count:,}")
        return tokens

    def __str__(self) -> str:
        name = getattr(self.make, "__qualname__", type(self.make).__qualname__)
        return f"The token source {getattr(self.make, '__module__', '?')}.{name}"


TokenSource = SqlTokens | PythonTokens


class _NotATokenError(Exception):
    """The value made instead of tokens."""


def _each(made: object) -> Iterable[Any]:
    if isinstance(made, str | bytes) or not isinstance(made, Iterable):
        raise _NotATokenError(f"made one {type(made).__name__} instead of a sequence of tokens")
    return made


def _as_text(token: object) -> str:
    if isinstance(token, bytes):
        text = f"\\x{token.hex()}" if token else ""
    elif isinstance(token, str | UUID | int):
        text = str(token)
    else:
        raise _NotATokenError(
            f"made a token of type {type(token).__name__}; str, UUID, int and bytes can be stored"
        )
    if not text or "\0" in text:
        raise _NotATokenError("made a token that is empty or holds a NUL character")
    return text
