"""A JSON file, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any, TextIO

from token_rotation.errors import EvidenceError
from token_rotation.reporting.signed.envelope import as_text


class EvidenceFile:
    """Destination of evidence.

    Writing replaces a file that is there, or the one that a link names.
    """

    def __init__(self, name: str) -> None:
        """Check that the file could be written now.

        Raises EvidenceError when it could not.
        """
        try:
            self._path = _place_of(name)
            with self._beside():
                pass
        except OSError as error:
            raise EvidenceError(
                f"--evidence {name} cannot be written: {error.strerror}. Nothing was done"
            ) from None

    def write(self, document: dict[str, Any]) -> None:
        """Write the document.

        Raises EvidenceError; then the file that was there before is unchanged.
        """
        try:
            with self._beside() as (file, name):
                file.write(as_text(document))
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
