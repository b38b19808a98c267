"""Divide records into chunks, bounded in rows and in characters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tickets.importing.row import BadLine, Row

CHUNK_CHARACTERS = 4_000_000


def chunked(
    records: Iterable[Row | BadLine],
    *,
    chunk_rows: int,
    refused: Callable[[BadLine], None],
    strict: bool,
) -> Iterator[list[Row]]:
    """Yield chunks of good rows, none of them empty.

    Calls ``refused`` for each bad line at once. With ``strict`` reading ends at the first bad line.
    The good rows before it are still yielded.
    """
    chunk: list[Row] = []
    characters = 0
    for record in records:
        if isinstance(record, BadLine):
            refused(record)
            if strict:
                break
            continue
        chunk.append(record)
        characters += len(record.body)
        if len(chunk) >= chunk_rows or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
