"""A JSON file that is written as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any, TextIO

from token_rotation.errors import EvidenceError


class EvidenceFile:
    """Where evidence will be written.

    A file there, or one that a link names, is replaced.
    """

    def __init__(self, name: str) -> None:
        """Raises EvidenceError when it could not be written now."""
        try:
            self._path = _place_of(name)
            with self._beside():
                pass
        except OSError as error:
            raise EvidenceError(
                f"--evidence {name} cannot be written: {error.strerror}. Nothing was done"
            ) from None

    def write(self, document: dict[str, Any]) -> None:
        """Raises EvidenceError; then the file that was there before is unchanged."""
        try:
            with self._beside() as (file, name):
                json.dump(document, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
                Path(name).replace(self._path)
        except OSError as error:
            raise EvidenceError(
                f"the evidence {self._path} could not be written: {error.strerror}. What was said "
                "before is true; --report --evidence writes the file again"
            ) from None

    @contextmanager
    def _beside(self) -> Iterator[tuple[TextIO, str]]:
        """Open a file in the same directory.

        Remove it at the end unless it was renamed.
        """
        number, name = mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                yield file, name
        finally:
            Path(name).unlink(missing_ok=True)


def _place_of(name: str) -> Path:
    path = Path(name).resolve()
    if path.exists() and not path.is_file():
        raise OSError(None, "it exists and is no regular file")
    return path
