"""Clean up after a rotation.

It treats dead rows, statistics and the token's indexes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from token_rotation import wording
from token_rotation.errors import RotationError
from token_rotation.events import Observer
from token_rotation.inspection.measure import measure_storage
from token_rotation.inspection.snapshots import (
    lasting_snapshot,
    next_transaction,
    oldest_snapshot,
)
from token_rotation.inspection.storage import IndexBloat, Storage
from token_rotation.maintenance.reindex import TokenReindex
from token_rotation.maintenance.vacuum import TableVacuum
from token_rotation.postgres.autocommit_session import CANCELLED
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.sql.server import storage as storage_sql
from token_rotation.stop import StopSignal, answering_signals

STOPPING = "\nEnding the clean-up; a second signal ends it within five seconds.\n"
ENDING = "\nStill ending the clean-up, within five seconds; the next signal ends at once.\n"
TELL_EVERY_SECONDS = 5.0
FEW = 0.01
"""So small a part of the dead rows may stay after a VACUUM without a remark."""

Answer = TypeVar("Answer")


class Cleanup:
    """VACUUM (ANALYZE), then REINDEX CONCURRENTLY of bloated indexes.

    The VACUUM is of the table. The indexes are the token's.

    Each step ends by itself, is skipped with a reason, or is stopped. No step undoes another, and
    a later run does what is left. Call it when nothing is pending. ``observe`` hears what it waits
    for.
    """

    def __init__(
        self,
        target: Target,
        *,
        say: Callable[[str], None],
        stop: StopSignal,
        observe: Observer = lambda _: None,
    ) -> None:
        self._target = target
        self._observe = observe
        self._say = say
        self._stop = stop
        self._command = target.clean_up_command

    def run(self) -> bool:
        """Clean up and report what is skipped.

        Return False when it was stopped.

        Raises RotationError when the database is out of reach.
        """
        before, since_xid = self._watch(self._look, lambda: None)
        reason = (
            self._vacuum(before, since_xid)
            or self._drop_leftovers(before)
            or self._reindex(self._look_again().token_indexes)
        )
        if reason is None:
            after = self._look_again()
            self._say(f"Cleaned up: {_sizes(before)} before, {_sizes(after)} now.")
            return True
        if reason == CANCELLED:
            self._say(f"The clean-up was stopped; the tokens are safe. To go on: {self._command}")
            return False
        self._say(f"Skipped: {reason}. The tokens are safe. To clean up later: {self._command}")
        return True

    def _look_again(self) -> Storage:
        return self._watch(self._look, lambda: None)[0]

    def _look(self) -> tuple[Storage, int | None]:
        """Sizes, and the transaction of the first rotated rows."""
        with reading(self._target.database, stop=self._stop) as connection:
            since_xid = connection.value(storage_sql.oldest_rotation(self._target))
            return measure_storage(connection, self._target), since_xid

    def _vacuum(self, before: Storage, since_xid: int | None) -> str | None:
        self._say(
            f"Vacuuming {self._target.table} ({wording.size(before.table_bytes)}, "
            f"{_dead_rows(before)}) at a pace that traffic does not feel ..."
        )
        with reading(self._target.database, stop=self._stop) as connection:
            began_xid = next_transaction(connection) - 1  # a reader that comes now has the next
        vacuum = TableVacuum(self._target, observe=self._observe)
        ended = self._watch(lambda: vacuum.run(since_xid=since_xid, analyze=True), vacuum.cancel)
        if ended.done:
            self._say(f"Vacuumed and analyzed in {wording.duration(ended.seconds)}.")
            self._say_who_needs_the_rest(before, began_xid)
        return ended.skipped_because

    def _say_who_needs_the_rest(self, before: Storage, began_xid: int) -> None:
        """Name who still needs dead rows that VACUUM left.

        Snapshots that are younger than the VACUUM do not matter, nor do few rows.
        """
        with reading(self._target.database, stop=self._stop) as connection:
            after = measure_storage(connection, self._target)
            if (after.dead_rows or 0) <= FEW * (before.dead_rows or 0):
                return
            lasting = lasting_snapshot(connection, began_xid, stopped=lambda: self._stop.requested)
            holder = lasting or oldest_snapshot(connection, began_xid)
        if holder is None:
            return
        who = "a short transaction" if holder.is_passing else holder
        self._say(
            f"{_dead_rows(after)} left, which {who} may still need: once it has ended, "
            f"{self._command} removes them."
        )

    def _drop_leftovers(self, before: Storage) -> str | None:
        if not before.leftover_indexes:
            return None
        names = ", ".join(before.leftover_indexes)
        self._say(f"Dropping {names}, which an interrupted REINDEX left invalid ...")
        reindex = TokenReindex(self._target, observe=self._observe)
        return self._watch(reindex.drop_leftovers, reindex.cancel)

    def _reindex(self, indexes: Iterable[IndexBloat]) -> str | None:
        return next(filter(None, map(self._reindex_one, indexes)), None)

    def _reindex_one(self, index: IndexBloat) -> str | None:
        sizes = (
            f"{wording.size(index.bytes_now)}, where random tokens take "
            f"{wording.size(index.natural_bytes)}"
        )
        if not index.worth_reindex:
            self._say(f"The index {index.name} has {sizes}: not worth building it anew.")
            return None
        self._say(f"Building the index {index.name} anew beside the old one ({sizes}) ...")
        reindex = TokenReindex(self._target, observe=self._observe)
        return self._watch(lambda: reindex.run(index.name), reindex.cancel)

    def _watch(self, work: Callable[[], Answer], cancel: Callable[[], None]) -> Answer:
        """Answer signals while ``work`` runs, and report progress.

        The report is for the person who waits.
        """
        tell_at = time.monotonic() + TELL_EVERY_SECONDS

        def look() -> None:
            nonlocal tell_at
            if self._stop.requested:
                cancel()
            elif time.monotonic() >= tell_at:
                self._tell()
                tell_at = time.monotonic() + TELL_EVERY_SECONDS

        if self._stop.requested:
            cancel()
        return answering_signals(work, meanwhile=look)

    def _tell(self) -> None:
        """Report the server's current work.

        If that fails, the work goes on.
        """
        try:
            with reading(self._target.database, stop=self._stop) as connection:
                row = connection.row(
                    storage_sql.maintenance_progress(), {"table": self._target.table}
                )
        except RotationError:
            return
        if row is not None:
            phase, done, total, waits_for = row
            share = f", {100 * done // total} %" if total else ""
            wait_for = f", for pid {waits_for}; traffic goes on" if waits_for else ""
            self._say(f"... {phase}{share}{wait_for}")


def _sizes(storage: Storage) -> str:
    return (
        f"table {wording.size(storage.table_bytes)}, indexes {wording.size(storage.index_bytes)}, "
        f"{_dead_rows(storage)}"
    )


def _dead_rows(storage: Storage) -> str:
    dead = storage.dead_rows
    return f"{wording.UNKNOWN} dead rows" if dead is None else wording.things(dead, "dead row")
