"""Rotate what was reported of one target, until nothing of it is stored or the time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
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
    """The values found and those left, the keys of rotated rows, and why something is not known.

    ``left_keys`` are those of rows that hold a value that is left, as text, 100 at most.
    """

    found: set[str] = field(default_factory=set, repr=False)
    left: set[str] = field(default_factory=set, repr=False)
    keys: list[Any] = field(default_factory=list, repr=False)
    left_keys: list[str] = field(default_factory=list)
    failure: str | None = None


class ReportedRotation:
    """The rotation of one target's reported values.

    A fresh look at the data says what is left, never the count of the rotated rows. Faults that may
    pass are tried again, as are rows that others have locked, until ``WAIT_SECONDS`` went by
    without progress. ``is_even`` as for ``LeakReport``. Raises nothing of the database's.
    """

    def __init__(
        self, target: Target, *, is_even: bool = False, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._target = target
        self._connection = Connection(target.database, connect_seconds=CONNECT_SECONDS)
        self._rows = ReportedRows(self._connection, target)
        self._is_even = is_even
        self._wait_seconds = wait_seconds
        self._refusal: str | None = None

    def run(self, values: Sequence[str]) -> Rotated:
        """Rotate the rows that hold one of the values."""
        try:
            return self._run(values)
        finally:
            self._connection.close()

    def _run(self, values: Sequence[str]) -> Rotated:
        parts: list[Rotated] = []
        failure = None
        try:
            for some in _chunks(values):
                parts.append(Rotated())
                self._until_nothing_is_left(some, parts[-1])
        except (driver.Error, OperationalError) as error:
            failure = reason_of(error)
        except RotationError as error:
            failure = str(error)
        left = set[str]().union(*(part.left for part in parts))
        return Rotated(
            found=set[str]().union(*(part.found for part in parts)),
            left=left,
            keys=[key for part in parts for key in part.keys],
            left_keys=self._keys(left),
            failure=failure or (self._refusal if left else None),
        )

    def _until_nothing_is_left(self, values: Sequence[str], part: Rotated) -> None:
        waiting, is_looked_up = _Waiting(self._wait_seconds), False
        while not is_looked_up or part.left:
            before, passing = (len(part.left), len(part.keys), is_looked_up), None
            try:
                if is_looked_up:
                    self._rotate_what_is_left(part)
                else:
                    self._look_up(values, part)
                    is_looked_up = True
            except (driver.Error, OperationalError) as error:
                passing = self._passing(error)
            if (len(part.left), len(part.keys), is_looked_up) != before:
                waiting = _Waiting(self._wait_seconds)
            elif waiting.is_over and passing is not None:
                raise passing
            elif waiting.is_over:
                return
            else:
                waiting.pause()

    def _look_up(self, values: Sequence[str], part: Rotated) -> None:
        part.left = self._rows.find(values)
        part.found = part.left | self._retired(
            set(values) if self._is_even else set(values) - part.left
        )
        if self._is_even and not part.left:
            part.keys += self._rows.rotate(values)
            self._rows.find(values)

    def _rotate_what_is_left(self, part: Rotated) -> None:
        part.keys += self._rotate(sorted(part.left))
        part.left = self._rows.find(sorted(part.left))

    def _passing(self, error: Exception) -> Exception:
        """Return an error that another try may mend; raise any other."""
        fault = fault_of(error)
        if fault not in _PASSING:
            raise error
        if fault is Fault.CONNECTION:
            self._connection.close()
        return error

    def _retired(self, values: set[str]) -> set[str]:
        return self._rows.retired(sorted(values)) if values and keeps(self._target) else set()

    def _keys(self, left: set[str]) -> list[str]:
        with suppress(driver.Error, OperationalError, RotationError):
            return self._rows.keys(sorted(left)) if left else []
        return []

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


class _Waiting:
    """Growing pauses, for a bounded time."""

    def __init__(self, at_most_seconds: float) -> None:
        self._until = time.monotonic() + at_most_seconds
        self._pause_seconds = FIRST_PAUSE_SECONDS

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._until

    def pause(self) -> None:
        time.sleep(self._pause_seconds)
        self._pause_seconds = min(LONGEST_PAUSE_SECONDS, 2 * self._pause_seconds)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[n : n + TOKENS_A_LOOK] for n in range(0, len(values), TOKENS_A_LOOK))
