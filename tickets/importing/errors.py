"""Reasons why an import ends early. Each message is one line and quotes nothing of the file."""

from __future__ import annotations


class ImportTicketsError(Exception):
    """The import cannot go on. Committed rows stay."""


class UnreadableFileError(ImportTicketsError):
    """The file, its header or the rest of it is not readable as CSV."""


class RefusedError(ImportTicketsError):
    """The database is gone, or refused a chunk for a reason that no retry repairs."""


class Stopped(Exception):  # noqa: N818  (an order, not an error)
    """The operator stopped the import while it waited for input."""
