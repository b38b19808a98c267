"""The size of an index is what its rows need, or what it has if that is less, or unknown."""

import pytest

from token_rotation.engine.writers.index_pages import _pages
from token_rotation.inspection.storage import PAGE_BYTES, natural_index_bytes

ROWS, TOKEN_BYTES = 100_000, 16
NATURAL_BYTES = natural_index_bytes(ROWS, TOKEN_BYTES)


def test_bloat_does_not_count() -> None:
    assert _pages("index", 10 * NATURAL_BYTES, TOKEN_BYTES, ROWS) == NATURAL_BYTES // PAGE_BYTES


def test_an_index_is_no_larger_than_its_file() -> None:
    assert _pages("index", 3 * PAGE_BYTES, TOKEN_BYTES, ROWS) == 3


@pytest.mark.parametrize(
    ("bytes_now", "token_bytes", "rows"),
    [
        (None, TOKEN_BYTES, ROWS),  # dropped meanwhile
        (10**9, None, ROWS),  # never analyzed
        (10**9, TOKEN_BYTES, None),
        (None, None, None),
    ],
)
def test_where_a_figure_is_missing_the_size_is_unknown(
    bytes_now: int | None, token_bytes: int | None, rows: int | None
) -> None:
    assert _pages("index", bytes_now, token_bytes, rows) == 0
