"""The rows that a pass hands out.

Also tells if another pass is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from token_rotation.engine.passes.allocator import Allocator, ByList, InKeyOrder, InTurn, Later
from token_rotation.engine.worker import Worker
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import of_tokens
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows
from token_rotation.targets.lookup import chunk_lines

ROWS_OF_A_LOOK = 10_000


class PassPlan:
    """The rows of a rotation, within ``bounds``.

    Those whose marker was later than the server's clock come first, then those that a list names.
    """

    def __init__(
        self,
        target: MarkedTable,
        *,
        bounds: KeyRange,
        leak_list: LeakList | None,
        later: LaterRows | None,
        stop: StopSignal,
        clock: Callable[[], float],
    ) -> None:
        self._selection = target.selection
        self._bounds = bounds
        self._list = leak_list
        self._later = later
        self._chunk_lines = 0 if leak_list is None else chunk_lines(of_tokens(target), leak_list)
        self._stop = stop
        self._clock = clock
        self._found = bounds

    def allocator(self) -> Allocator:
        """A new pass over the rows."""
        parts: list[Allocator] = []
        if self._later is not None:
            parts.append(Later(self._later.chunks()))
        if self._list is not None:
            parts.append(ByList(self._list.chunks(self._chunk_lines)))
        if not self._selection.is_list_only:
            parts.append(InKeyOrder(self._clock, after=self._bounds.after))
        return parts[0] if len(parts) == 1 else InTurn(*parts)

    def any_pending(self, worker: Worker) -> bool:
        """Return True when rows are pending; look afresh.

        Looks in short steps where no index holds just what is pending.

        True also when the end is asked for before the look is over.
        """
        self._found = self._bounds
        if self._list is None and self._selection.is_indexed:
            return worker.look_up(worker.pending.any) is not False
        allocator = self.allocator()
        while not (allocator.is_over or self._stop.requested):
            look = partial(allocator.next_range, ROWS_OF_A_LOOK, worker.pending)
            found = worker.look_up(look)
            if found is not None:
                self._found = found
                return True
            worker.tell_of_looking()
        return self._stop.requested

    def first_keys(self, worker: Worker) -> set[str]:
        """Return up to 100 pending keys, as text, of where ``any_pending`` has found some."""
        return worker.look_up(partial(worker.pending.first_keys, self._found)) or set()
