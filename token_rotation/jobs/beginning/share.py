"""Share a job out among workers, by ranges of its collection."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from token_rotation.jobs.collection.enumerator import Enumerator, SplitEnumerator
from token_rotation.jobs.errors import CollectionError
from token_rotation.jobs.state import JobState, Span


def share(state: JobState, enumerator: Enumerator, workers: int) -> list[tuple[JobState, int]]:
    """Return the state that each worker begins with, and its items in all.

    What was counted and set aside before is the first one's. There may be fewer than ``workers``.

    Raises CollectionError for a collection that cannot be cut.
    """
    if not isinstance(enumerator, SplitEnumerator):
        raise CollectionError("one worker goes through this collection; leave --workers out")
    pieces = -(-workers // len(state.spans))
    cut = [each for span in state.spans for each in enumerator.split(span, pieces)]
    split = uuid4().hex
    shares = [cut[rank::workers] for rank in range(min(workers, len(cut)))]
    first = replace(state, split=split, shares=len(shares), is_complete=False)
    states = [first, *(JobState(split=split, shares=len(shares)) for _ in shares[1:])]
    return [_of(each, pieces) for each, pieces in zip(states, shares, strict=True)]


def _of(state: JobState, pieces: list[tuple[Span, int]]) -> tuple[JobState, int]:
    total = state.gone + sum(items for _, items in pieces)
    return replace(state, spans=tuple(span for span, _ in pieces)), total
