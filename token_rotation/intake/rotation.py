"""Rotate what was reported of one target, until nothing of it is stored or the time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError

from token_rotation.errors import RotationError
from token_rotation.inspection.keeping import keeps
from token_rotation.intake.rows import ReportedRows
from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target

TOKENS_A_LOOK = 1_000
WAIT_SECONDS = 3.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
CONNECT_SECONDS = 3

_PASSING = {Fault.LOCKED, Fault.CONTENTION, Fault.CONNECTION, Fault.RESOURCES, Fault.TIMED_OUT}
_OF_SOME_ROW = {Fault.REFUSED_ROW, Fault.DUPLICATE_TOKEN}


@dataclass(slots=True)
class Rotated:
    """The values found and those left, the keys of rotated rows, and why something is not known."""

    found: set[str] = field(default_factory=set, repr=False)
    left: set[str] = field(default_factory=set, repr=False)
    keys: list[Any] = field(default_factory=list, repr=False)
    failure: str | None = None


class ReportedRotation:
    """The rotation of one target's reported values.

    A fresh look at the data says what is left, never the count of the rotated rows. Faults that may
    pass are tried again, as are rows that others have locked, until ``WAIT_SECONDS`` went by
    without progress. Raises nothing of the database's.
    """

    def __init__(self, target: Target, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._target = target
        self._connection = Connection(target.database, connect_seconds=CONNECT_SECONDS)
        self._rows = ReportedRows(self._connection, target)
        self._wait_seconds = wait_seconds
        self._refusal: str | None = None

    def run(self, values: Sequence[str]) -> Rotated:
        """Rotate the rows that hold one of the values."""
        done = Rotated()
        try:
            for some in _chunks(values):
                self._until_nothing_is_left(list(some), done)
        except (driver.Error, OperationalError) as error:
            done.failure = reason_of(error)
        except RotationError as error:
            done.failure = str(error)
        finally:
            self._connection.close()
        if done.failure is None and done.left:
            done.failure = self._refusal
        return done

    def _until_nothing_is_left(self, values: list[str], done: Rotated) -> None:
        left: set[str] | None = None
        pause_seconds, until = FIRST_PAUSE_SECONDS, time.monotonic() + self._wait_seconds
        while left is None or left:
            try:
                if left is None:
                    left = self._rows.find(values)
                    done.found |= left | self._retired(set(values) - left)
                    continue
                done.left |= left
                rotated = self._rotate(sorted(left))
                done.keys += rotated
                still = self._rows.find(sorted(left))
                done.left -= left - still
                has_progress = len(still) < len(left) or bool(rotated)
                left = still
            except (driver.Error, OperationalError) as error:
                self._raise_unless_passing(error, until)
                has_progress = False
            if has_progress:
                pause_seconds, until = FIRST_PAUSE_SECONDS, time.monotonic() + self._wait_seconds
            elif time.monotonic() > until:
                return
            elif left is None or left:
                time.sleep(pause_seconds)
                pause_seconds = min(LONGEST_PAUSE_SECONDS, 2 * pause_seconds)

    def _raise_unless_passing(self, error: Exception, until: float) -> None:
        if fault_of(error) not in _PASSING or time.monotonic() > until:
            raise error
        if fault_of(error) is Fault.CONNECTION:
            self._connection.close()

    def _retired(self, values: set[str]) -> set[str]:
        return self._rows.retired(sorted(values)) if values and keeps(self._target) else set()

    def _rotate(self, values: list[str]) -> list[Any]:
        """Rotate the rows; leave out one that PostgreSQL refuses to change, and go on."""
        try:
            return self._rows.rotate(values)
        except driver.Error as error:
            if fault_of(error) not in _OF_SOME_ROW:
                raise
            self._refusal = f"PostgreSQL refuses the change of a row: {reason_of(error)}"
            if len(values) == 1:
                return []
        middle = len(values) // 2
        return self._rotate(values[:middle]) + self._rotate(values[middle:])


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[n : n + TOKENS_A_LOOK] for n in range(0, len(values), TOKENS_A_LOOK))
