"""What ends an import before the end of its file. One line each, without a word from the file."""

from __future__ import annotations


class ImportTicketsError(Exception):
    """The import cannot go on. What was committed stays."""


class UnreadableFileError(ImportTicketsError):
    """The file, its header or the rest of it cannot be read as what it should be."""


class RefusedError(ImportTicketsError):
    """The database refused a chunk for a reason that a retry does not mend, or went away."""


class Stopped(Exception):  # noqa: N818  (an order, not an error)
    """The operator asked for the end while a line was waited for."""
