"""The lines of a list, read as often as needed.

The list is a file or standard input.
"""

from __future__ import annotations

import csv
import shutil
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from errno import EBADF
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

LONGEST_LINE_BYTES = 64 * 1024
NO_TEXT = "\0"
"""Stands for a line that is too long or not UTF-8: no value can be this."""


def open_rereadable(name: str) -> BinaryIO:
    """Open a file or standard input, for several reads.

    "-" is standard input.

    A pipe is copied to a temporary file without a name, which ends with the process. Raises
    OSError.
    """
    if name == "-" and sys.stdin is None:
        raise OSError(EBADF, "it is closed")
    file = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115
    if file.seekable():
        return file
    kept = TemporaryFile()  # noqa: SIM115  (open as long as the process needs it)
    shutil.copyfileobj(file, kept)
    return kept


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield number and text of each nonempty line.

    Reads from the beginning.
    """
    file.seek(0)
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    read = partial(file.readline, LONGEST_LINE_BYTES)
    in_long_line = False
    number = 0
    for raw in iter(read, b""):
        number += not in_long_line
        is_first_part = not in_long_line
        in_long_line = not raw.endswith(b"\n") and len(raw) == LONGEST_LINE_BYTES
        if is_first_part:
            text = NO_TEXT if in_long_line else _text(raw)
            if text:
                yield number, text


def cells_of(line: str) -> list[str]:
    """Return the cells of one CSV line.

    None if it is malformed. No cell spans lines.
    """
    rows: Iterable[list[str]] = csv.reader([line], strict=True)
    try:
        return next(iter(rows), [])
    except csv.Error:
        return []


def _text(raw: bytes) -> str:
    try:
        return raw.decode().strip()
    except UnicodeDecodeError:
        return NO_TEXT
