"""Which records of a file are good, and what is said of the others."""

from collections.abc import Iterable

import pytest

from tickets.importing.chunking import chunked
from tickets.importing.errors import UnreadableFileError
from tickets.importing.reading.records import LONGEST_RECORD_CHARACTERS, Records
from tickets.importing.row import BadLine, Row

HEADER = b"reference,subject,body\n"


def records(*lines: bytes) -> list[Row | BadLine]:
    return list(Records(b"".join(lines).splitlines(keepends=True)))


def row(line: int, reference: str, subject: str = "s", body: str = "b") -> Row:
    return Row(line=line, reference=reference, subject=subject, status="open", body=body)


def complaints(*lines: bytes) -> list[str]:
    return [str(record) for record in records(HEADER, *lines) if isinstance(record, BadLine)]


def test_a_record_is_a_row_that_knows_its_line() -> None:
    assert records(HEADER, b"r1,s,b\n", b"r2,s,b") == [row(2, "r1"), row(3, "r2")]


def test_columns_may_come_in_any_order_and_case_with_a_status() -> None:
    (only,) = records(b"Body,STATUS,reference, subject\n", b"b,closed,r,s\n")

    assert only == Row(line=2, reference="r", subject="s", status="closed", body="b")


def test_an_empty_status_is_open() -> None:
    (only,) = records(b"reference,subject,body,status\n", b"r,s,b,\n")

    assert only == row(2, "r")


def test_quoted_line_breaks_commas_and_quotes_stay_in_the_body() -> None:
    text = 'He said "no",\r\nand\nleft'
    quoted = ('"' + text.replace('"', '""') + '"').encode()

    assert records(HEADER, b"r1,s," + quoted + b"\n", b"r2,s,b\n") == [
        row(2, "r1", body=text),
        row(5, "r2"),
    ]


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_do_no_harm() -> None:
    assert records(b"\xef\xbb\xbfreference,subject,body\r\n", b"\r\n", b"r,s,b\r\n") == [
        row(3, "r")
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"r,s\n", "line 2: has 2 fields, the header has 3"),
        (b"r,s,b,x\n", "line 2: has 4 fields, the header has 3"),
        (b" ,s,b\n", "line 2: reference is empty"),
        (b"r, ,\n", "line 2: subject is empty, body is empty"),
        (b"r," + b"s" * 201 + b",b\n", "line 2: subject is longer than 200 characters"),
        (b"r" * 201 + b",s,b\n", "line 2: reference is longer than 200 characters"),
        (b"r,s," + b"b" * 100_001 + b"\n", "line 2: body is longer than 100,000 characters"),
        (b"r,s,b\0b\n", "line 2: body holds a NUL character"),
        (b"r,s\xe4,b\n", "line 2: subject is not UTF-8"),
        (b'r,"s\ns",b\n', "lines 2-3: subject holds a line break"),
        (b'r,s,"b"b\n', "line 2: is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_line_is_named_and_the_next_one_is_good(line: bytes, complaint: str) -> None:
    found = records(HEADER, line, b"good,s,b\n")

    assert [str(record) for record in found[:-1]] == [complaint]
    assert isinstance(found[-1], Row)


def test_a_complaint_repeats_nothing_of_what_the_line_says() -> None:
    (complaint,) = complaints(b"secret-reference," + b"secret" * 50 + b",secret\0\n")

    assert "secret" not in complaint


def test_a_status_that_is_unknown_is_bad() -> None:
    (bad,) = records(b"reference,subject,body,status\n", b"r,s,b,done\n")

    assert str(bad) == "line 2: status is none of open, waiting, closed"


def test_a_quote_that_is_never_closed_is_named_by_where_it_was_opened() -> None:
    assert complaints(b"r1,s,b\n", b'r2,s,"b\n', b"r3,s,b\n") == [
        "lines 3-4: is not CSV: unexpected end of data"
    ]


def test_a_quote_left_open_in_a_long_file_fills_no_memory() -> None:
    def lines() -> Iterable[bytes]:
        yield from (HEADER, b'r1,s,"b\n')
        while True:
            yield b"x" * 1000 + b"\n"

    with pytest.raises(UnreadableFileError, match=r"begins in line 2 .* a quote is not closed"):
        list(Records(lines()))


def test_a_record_may_be_nearly_as_long_as_that() -> None:
    (bad,) = complaints(b"r,s," + b"b" * (LONGEST_RECORD_CHARACTERS - 100) + b"\n")

    assert bad == "line 2: body is longer than 100,000 characters"


@pytest.mark.parametrize(
    ("beginning", "complaint"),
    [
        (b"", "is empty"),
        (b"\n", "reference, subject, body missing"),
        (b"reference;subject;body\n", "reference, subject, body missing"),
        (b"reference,subject\n", "body missing"),
        (b"reference,subject,body,staus\n", "unknown or there twice"),
        (b"reference,subject,body,body\n", "unknown or there twice"),
        (b"\xff\xfer\0e\0f\0", "UTF-16"),
        (b'"reference\n', "line 1 is not CSV"),
        (b"reference,subject,body\rr,s,b\r", "line 1 is not CSV"),
    ],
)
def test_a_wrong_header_is_one_clear_line(beginning: bytes, complaint: str) -> None:
    with pytest.raises(UnreadableFileError, match=complaint) as error:
        Records([beginning] if beginning else [])

    assert "\n" not in str(error.value)


def test_the_digest_tells_contents_apart_and_knows_no_line() -> None:
    assert row(2, "r").digest == row(9, "r").digest
    assert row(2, "r", "a", "bc").digest != row(2, "r", "ab", "c").digest


def test_chunks_are_bounded_and_the_bad_are_told_at_once() -> None:
    bad = BadLine(4, 4, "reason")
    told: list[BadLine] = []
    mixed = [row(2, "a"), row(3, "b"), bad, row(5, "c")]

    chunks = chunked(mixed, chunk_rows=2, refused=told.append, strict=False)

    assert [[one.reference for one in chunk] for chunk in chunks] == [["a", "b"], ["c"]]
    assert told == [bad]


def test_strict_reads_no_further_than_the_first_bad_line() -> None:
    told: list[BadLine] = []
    mixed = iter([row(2, "a"), BadLine(3, 3, "reason"), row(4, "b"), row(5, "c")])

    chunks = list(chunked(mixed, chunk_rows=9, refused=told.append, strict=True))

    assert [[one.reference for one in chunk] for chunk in chunks] == [["a"]]
    assert [one.line for one in told] == [3]
    assert next(mixed) == row(4, "b")


def test_long_bodies_make_a_chunk_shorter() -> None:
    rows = [row(n, str(n), body="b" * 100_000) for n in range(100)]

    chunks = list(chunked(rows, chunk_rows=1_000, refused=lambda _: None, strict=False))

    assert [len(chunk) for chunk in chunks] == [40, 40, 20]
