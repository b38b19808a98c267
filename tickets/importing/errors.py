"""Reasons why an import ends early.

Each message is one line and quotes nothing of the file.
"""

from __future__ import annotations


class ImportTicketsError(Exception):
    """An import that cannot go on.

    Committed rows stay.
    """


class UnreadableFileError(ImportTicketsError):
    """A file that is not readable as CSV.

    The file, its header or the rest of it is not readable.
    """


class RefusedError(ImportTicketsError):
    """A database that is gone or refused a chunk.

    No retry repairs the reason of the refusal.
    """


class LockedError(ImportTicketsError):
    """A table that others kept locked for too long."""


class Stopped(Exception):  # noqa: N818  (an order, not an error)
    """A stop by the operator during a wait for input, or for a lock."""
