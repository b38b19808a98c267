"""Evidence of a rotation, without any secret."""

from __future__ import annotations

import getpass
import os
import platform
from typing import Any

from token_rotation import __version__
from token_rotation.engine.result import Result
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.options import RotationOptions
from token_rotation.reporting.evidence_entry import make_entry
from token_rotation.reporting.evidence_file import EvidenceFile
from token_rotation.reporting.signed.envelope import as_text
from token_rotation.reporting.signed.site_keys import signing_key
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target

KIND = "rotation of leaked tokens"
DISTRIBUTION = "django-token-rotation"

STILL_HOLDING = {
    "WAL archives": "old tokens can be read from them until they expire; shorten their retention "
    "or restrict access",
    "backups": "a restore brings old tokens back: rotate again, before anyone is let in",
    "replicas": "valid there until each has replayed past wal_position; one that is not connected "
    "is not listed",
    "dead rows": "readable from the data files until VACUUM: clean_up_tokens",
    "logs": "of proxies, web servers and clients that were given links with old tokens",
}
"""Places that a rotation does not reach."""


class Evidence:
    """Collector of the evidence of a command.

    It writes the evidence at the end. Without a file it does nothing.
    """

    def __init__(self, file_name: str | None) -> None:
        """Open the evidence file, if one is named, and read the key that signs it, if one is set.

        Raises EvidenceError when the file could not be written, or not be signed, now.
        """
        self._key = None if file_name is None else signing_key()
        self._file = None if file_name is None else EvidenceFile(file_name)
        self._entries: list[dict[str, Any]] = []

    def add(
        self,
        target: Target,
        result: Result | None = None,
        leak_list: LeakList | None = None,
        *,
        options: RotationOptions | None = None,
        verdict: Verdict | Unread | None = None,
    ) -> None:
        """Look at a target now.

        ``options`` are those of the rotation before; None: nothing was rotated. ``verdict`` is that
        of the rotation or the report; without one the table is read now.

        Raises RotationError when the database cannot be asked.
        """
        if self._file is not None:
            self._entries.append(
                make_entry(target, options, result=result, leak_list=leak_list, verdict=verdict)
            )

    def write(self) -> None:
        """Write what was collected.

        Raises EvidenceError.
        """
        if self._file is None:
            return
        found = document(self._entries)
        self._file.write(found if self._key is None else self._key.sign(as_text(found).encode()))


def document(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the evidence of all targets."""
    return {
        "evidence": KIND,
        "program": DISTRIBUTION,
        "version": __version__,
        "user": _user(),
        "host": platform.node(),
        "targets": entries,
        "not_reached_by_a_rotation": STILL_HOLDING,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
