"""Workers share all of what is left, and nothing twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_rotation.jobs.beginning.share import share
from token_rotation.jobs.collection.csv_file import CsvFile
from token_rotation.jobs.collection.enumerator import Entry
from token_rotation.jobs.errors import CollectionError
from token_rotation.jobs.state import JobState, Span

NUMBERS = 40


class Numbers:
    """The numbers from 1 to 40, each its own cursor."""

    database: str | None = None

    def entries(self, cursor: int | None, items: int) -> list[Entry]:
        return self.entries_of(Span(cursor), items)

    def entries_of(self, span: Span, items: int) -> list[Entry]:
        return [Entry(number, f"{number}", number) for number in numbers_in(span)[:items]]

    def count(self) -> int | None:
        return NUMBERS

    def split(self, span: Span, pieces: int) -> list[tuple[Span, int]]:
        inside, after, cut = numbers_in(span), span.after, []
        size = max(1, -(-len(inside) // pieces))
        for begin in range(size, len(inside), size):
            cut.append((Span(after, inside[begin - 1]), size))
            after = inside[begin - 1]
        return [*cut, (Span(after, span.until), len(inside) - size * len(cut))]


def numbers_in(span: Span) -> list[int]:
    return list(range((span.after or 0) + 1, (span.until or NUMBERS) + 1))


@given(
    bounds=st.lists(st.integers(0, NUMBERS), min_size=2, max_size=8, unique=True),
    workers=st.integers(1, 12),
)
def test_each_item_left_is_in_one_share(bounds: list[int], workers: int) -> None:
    bounds = sorted(bounds)[: len(bounds) // 2 * 2]
    spans = tuple(Span(*pair) for pair in zip(bounds[::2], bounds[1::2], strict=True))
    left = JobState(spans, done=3)
    shares = share(left, Numbers(), workers)
    assert len(shares) <= workers
    found = [number for state, _ in shares for span in state.spans for number in numbers_in(span)]
    assert sorted(found) == [number for span in spans for number in numbers_in(span)]
    assert sum(total for _, total in shares) == len(found) + left.gone
    assert len({state.split for state, _ in shares}) == 1


def test_a_file_is_not_cut() -> None:
    with pytest.raises(CollectionError, match="leave --workers out"):
        share(JobState(), CsvFile("numbers.csv"), 2)
