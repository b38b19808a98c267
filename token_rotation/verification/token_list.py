"""A list of leaked tokens that may be of several columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

from token_rotation.errors import ListError
from token_rotation.options import ListOptions
from token_rotation.selection.leak_list import LeakList, open_list
from token_rotation.selection.list_kinds import Kind, read_sha256
from token_rotation.targets.resolve import HASHES, TOKENS
from token_rotation.verification.token_column import TokenColumn

KEY_HEADERS = frozenset({"id", "key", "pk"})


@contextmanager
def opened_tokens(columns: Sequence[TokenColumn], asked: ListOptions) -> Iterator[LeakList]:
    """Open a list of tokens, or of their SHA-256, while inside.

    Each line is a value of at least one column, as typed. Raises ListError.
    """
    kinds = kinds_of(columns)
    with closing(open_list(asked.file, kinds, asked.of, _others(columns, kinds))) as leak_list:
        yield leak_list


@contextmanager
def opened_texts(
    columns: Sequence[TokenColumn], asked: ListOptions, *, option: str, are_named: bool
) -> Iterator[LeakList]:
    """Open a list of tokens for an option that needs the tokens themselves, while inside.

    With ``are_named`` each line is a value of at least one column; otherwise any text, whatever the
    columns can hold. Raises ListError, also for a list of SHA-256.
    """
    if asked.of not in (None, TOKENS):
        raise ListError(f"{option} needs the tokens themselves. Nothing was done")
    tokens, hashes = kinds_of(columns)
    if not are_named:
        tokens = replace(tokens, read=partial(_checked, ()))
    others = _others(columns, [tokens]) | hashes.headers
    with closing(open_list(asked.file, [tokens], asked.of, others)) as leak_list:
        yield leak_list


def _others(columns: Sequence[TokenColumn], kinds: Sequence[Kind]) -> frozenset[str]:
    """Return the headers, in lower case, that announce a list of none of these kinds."""
    known = KEY_HEADERS.union(*(column.all_headers | column.key_headers for column in columns))
    return known.difference(*(kind.headers for kind in kinds))


def kinds_of(columns: Sequence[TokenColumn]) -> list[Kind]:
    """Return the kinds of list that these columns can be looked up by."""
    names = frozenset[str]().union(*(column.headers for column in columns))
    keys = KEY_HEADERS.union(*(column.key_headers for column in columns)) - names
    return [
        Kind(TOKENS, (names | {"token", "tokens"}) - keys, lambda text: _checked(columns, text)),
        Kind(HASHES, frozenset({"sha256", "hash"}) - names, read_sha256),
    ]


def stored_text(columns: Sequence[TokenColumn], text: str) -> str:
    """Return the database's text of a listed token."""
    accepting = (column for column in columns if column.accepts(text))
    column = next(accepting, None)
    return text if column is None else column.read(text)


def _checked(columns: Sequence[TokenColumn], text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("no value")
    if columns and not any(column.accepts(text) for column in columns):
        raise ValueError("no value of any column")
    return text
