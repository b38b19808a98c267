"""Hand out the rows of a pass to the workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Protocol, TypeVar

from token_rotation.selection.key_range import Key, KeyRange, Listed
from token_rotation.targets.later_rows import Chunk

ChunkT = TypeVar("ChunkT")

LOOK_AHEAD_ROWS = 1_000
LOOK_AHEAD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """The ends of the next batches.

    ``looked_to``: the look-up ended at that key, and there may be more above it. None: it ended at
    the last of ``upper_keys``; where there is none, no more rows are pending.
    """

    upper_keys: Sequence[Key] = ()
    looked_to: Key | None = None


class Finder(Protocol):
    """A look-up of pending rows on the asking worker's connection."""

    def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
        """Return the last keys of the next batches above ``after``.

        The batches cover about ``ahead_rows`` rows.
        """

    def listed_rows(self, values: Sequence[str]) -> Sequence[tuple[str, str | None]]:
        """Return key and marker of pending rows, as text.

        Only the rows that the values name.
        """

    def later_rows(self, chunk: Chunk) -> Sequence[tuple[str, str | None]]:
        """Return key and marker, as text, of those rows of a chunk that are as they were."""


class Allocator(ABC):
    """The rows of one pass, handed out once each.

    Any number of threads may ask.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Return True when nothing more will be handed out."""
        return self._is_over

    def next_range(self, batch_rows: int, finder: Finder) -> KeyRange | None:
        """Return the next range of about ``batch_rows`` pending rows.

        None where one look-up found none. Each look-up is bounded. An error of ``finder`` passes
        through; nothing was handed out then.
        """
        with self._lock:
            return None if self._is_over else self._next(batch_rows, finder)

    @abstractmethod
    def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None: ...

    def close(self) -> None:
        """End the pass: nothing more is handed out."""
        self._is_over = True


class InKeyOrder(Allocator):
    """All pending rows above ``after``.

    Several small batches are looked up at once. The answer is used within a second, and only for
    batches of the same size, because others write and rotate meanwhile.
    """

    def __init__(self, clock: Callable[[], float], *, after: Key | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._after = after
        self._ahead: deque[Key] = deque()
        self._looked_to: Key | None = None
        self._ahead_batch_rows = 0
        self._ahead_until = 0.0

    def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None:
        if batch_rows != self._ahead_batch_rows or self._clock() > self._ahead_until:
            self._ahead.clear()
            self._looked_to = None
        if not self._ahead:
            self._look_ahead(batch_rows, finder)
        if not self._ahead:
            return None
        keys = KeyRange(self._after, self._ahead.popleft())
        self._after = keys.upper
        return keys

    def _look_ahead(self, batch_rows: int, finder: Finder) -> None:
        if self._looked_to is not None:
            self._after = self._looked_to
        ahead_rows = batch_rows * max(1, LOOK_AHEAD_ROWS // batch_rows)
        stretch = finder.upper_keys(self._after, batch_rows, ahead_rows)
        self._ahead.extend(stretch.upper_keys)
        self._looked_to = stretch.looked_to
        self._ahead_batch_rows = batch_rows
        self._ahead_until = self._clock() + LOOK_AHEAD_SECONDS
        if self._ahead:
            return
        if self._looked_to is None:
            self._is_over = True
        else:  # nothing up to there, for whoever asks next, whatever the size
            self._after, self._looked_to = self._looked_to, None


class ByChunks(Allocator, Generic[ChunkT]):
    """The rows that chunks of a list name, in its order.

    They are looked up a chunk at a time.
    """

    def __init__(self, chunks: Iterator[ChunkT]) -> None:
        super().__init__()
        self._chunks = chunks
        self._chunk: ChunkT | None = None
        self._rows: deque[tuple[str, str | None]] = deque()

    def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None:
        if not self._rows:
            self._look_up(finder)
        if not self._rows:
            return None
        rows = [self._rows.popleft() for _ in range(min(batch_rows, len(self._rows)))]
        markers = {marker for _, marker in rows if marker is not None}
        return KeyRange(listed=Listed(tuple(key for key, _ in rows), tuple(sorted(markers))))

    def _look_up(self, finder: Finder) -> None:
        self._chunk = self._chunk or next(self._chunks, None)
        if self._chunk is None:
            self._is_over = True
            return
        self._rows.extend(self._find(finder, self._chunk))
        self._chunk = None  # kept while the look-up fails

    @abstractmethod
    def _find(self, finder: Finder, chunk: ChunkT) -> Sequence[tuple[str, str | None]]: ...


class ByList(ByChunks[Sequence[str]]):
    """The rows that an operator's list names."""

    def _find(self, finder: Finder, chunk: Sequence[str]) -> Sequence[tuple[str, str | None]]:
        return finder.listed_rows(chunk)


class Later(ByChunks[Chunk]):
    """The rows whose marker was later than the server's clock."""

    def _find(self, finder: Finder, chunk: Chunk) -> Sequence[tuple[str, str | None]]:
        return finder.later_rows(chunk)


class InTurn(Allocator):
    """One allocator after the other."""

    def __init__(self, *allocators: Allocator) -> None:
        super().__init__()
        self._allocators = deque(allocators)

    def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None:
        keys = self._allocators[0].next_range(batch_rows, finder)
        if keys is None and self._allocators[0].is_over:
            self._allocators.popleft()
            if not self._allocators:
                self._is_over = True
        return keys
