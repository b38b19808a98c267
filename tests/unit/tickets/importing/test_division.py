"""What is taken, and what is named, around lines that are not CSV."""

import io
from collections.abc import Iterable
from pathlib import Path

import pytest

from tickets.importing.reading.division import LONGEST_RECORD_CHARACTERS as LONGEST
from tickets.importing.reading.records import Records
from tickets.importing.reading.source import LONGEST_LINE_BYTES, Source
from tickets.importing.row import Row

HEADER = b"reference,subject,body\n"
AFTER = "is not CSV: ',' expected after '\"'"
STRAY = "is not CSV: a quote in a field that does not begin with one"


def outcome(text: str | bytes, *, header: bytes = HEADER) -> list[str]:
    """References, and what is said of bad lines, in their order."""
    data = text if isinstance(text, bytes) else text.encode()
    found = Records(io.BytesIO(header + data))
    return [each.reference if isinstance(each, Row) else str(each) for each in found]


def none_of(first: int, last: int, reason: str) -> str:
    return f"lines {first}-{last}: {reason} (line {last}); none of these lines is imported"


def test_nothing_inside_a_field_with_an_unescaped_quote_is_taken() -> None:
    damaged = 'r1,s,b\nr2,s,"He said "no" and\nr8,looks,like a record\nr9,this,too\nend"\nr3,s,b\n'

    assert outcome(damaged) == ["r1", none_of(3, 6, STRAY), "r3"]


def test_not_even_where_it_is_quoted_as_a_record_is() -> None:
    damaged = 'r2,s,"He said "no" and\n"r8","looks","like"\nr9,this,too\nend"\nr3,s,"b"\n'

    assert outcome(damaged) == [none_of(2, 5, STRAY), "r3"]


def test_an_unescaped_quote_in_a_later_line_of_the_field() -> None:
    damaged = 'r1,s,"He said\n"no" and\nr9,looks,like a record\nend"\nr2,s,b\n'

    assert outcome(damaged) == [none_of(2, 5, STRAY), "r2"]


def test_nothing_inside_a_field_whose_opening_quote_was_lost_is_taken() -> None:
    """Nor is the line before: a quote at its end may be the one that is missing."""
    damaged = 'r0,s,b\nr1,s,"b"\nr2,s,begins\nr9,looks,like a record\nends"\nr3,s,b\n'

    assert outcome(damaged) == ["r0", none_of(3, 6, STRAY), "r3"]


def test_nothing_inside_a_field_whose_closing_quote_was_lost_is_taken() -> None:
    damaged = 'r1,s,b\nr2,s,"begins\nr3,s,b\nr4,s,"b"\nr5,s,b\n'

    assert outcome(damaged) == ["r1", none_of(3, 5, AFTER), "r5"]


def test_a_quote_that_is_never_closed_takes_nothing_but_the_rest() -> None:
    assert outcome('r1,s,b\nr2,s,"b\n' + "r3,s,b\n" * 1000) == [
        "r1",
        "lines 3-1003: is not CSV: unexpected end of data",
    ]


def test_a_broken_record_of_one_line_costs_no_other() -> None:
    assert outcome('r1,s,b\nr2,s,"b"b\nr3,s,b\n') == ["r1", f"line 3: {AFTER}", "r3"]


@pytest.mark.parametrize("field", ['5" disk', 'say "hi" to', 'a "" b'])
def test_quotes_inside_words_cost_their_own_line(field: str) -> None:
    damaged = f"r1,s,b\nr2,s,{field}\nr3,s,b\nr4,s,{field}\nr5,s,b\n"

    assert outcome(damaged) == ["r1", f"line 3: {STRAY}", "r3", f"line 5: {STRAY}", "r5"]


@pytest.mark.parametrize("begins", [' "He', 'He ""said""'])
def test_quotes_that_may_begin_a_field_leave_the_next_lines_in_doubt(begins: str) -> None:
    damaged = f'r1,s,{begins}\nr9,looks,like a record\nand "one" more\nend"\nr2,s,b\n'

    assert outcome(damaged) == [none_of(2, 5, STRAY), "r2"]


def test_a_quote_at_the_end_of_a_subject_does_too_since_no_line_breaks_are_there() -> None:
    assert outcome('r1,s,b\nr2,TV 42",b\nr3,s,b\n') == ["r1", f"line 3: {STRAY}", "r3"]


def test_a_field_of_megabytes_costs_its_own_record() -> None:
    long = "r8,looks,like a record\n" * 100_000

    assert outcome(f'r1,s,b\nr2,s,"{long}"\nr3,s,b\n') == [
        "r1",
        f"lines 3-100003: the record is longer than {LONGEST:,} characters",
        "r3",
    ]


def test_a_line_of_megabytes_costs_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    long = b"r2,s," + b"\xc3\xbc" * 2_000_000
    path.write_bytes(HEADER + b"r1,s,b\n" + long + b'\nr3,s,b\nr4,s,"' + long + b'"\nr5,s,b\n')

    with path.open("rb") as file:
        found = list(Records(Source(file.fileno()).lines(lambda: False)))

    said = [each.reference if isinstance(each, Row) else str(each) for each in found]
    too_long = f"is longer than {LONGEST_LINE_BYTES:,} characters"
    assert said == ["r1", f"line 3: {too_long}", "r3", f"line 5: {too_long}", "r5"]


def test_records_with_too_few_and_too_many_fields_next_to_ones_of_many_lines() -> None:
    damaged = 'r1,s\nr2,s,"a\nr9,s,b\n"\nr3,s,b,"c\nr8,s,b\n"\n"r4\nr7,s,b\n"\nr5,s,b\n'

    assert outcome(damaged) == [
        "line 2: has 2 fields, the header has 3",
        "r2",
        "lines 6-8: has 4 fields, the header has 3",
        "lines 9-11: has 1 fields, the header has 3",
        "r5",
    ]


def test_carriage_returns_end_lines_only_before_line_feeds() -> None:
    alone = "is not CSV: a carriage return in a field without quotes"

    assert outcome('r1,s,b\r\nr2,s,b\rr9,s,b\r\nr3,s,"b\rr8,s,b"\r\nr4,s,b\r') == [
        "r1",
        f"line 3: {alone}",
        "r3",
        "r4",
    ]


def test_a_block_of_nul_bytes_that_swallowed_quotes_and_line_ends_invents_nothing() -> None:
    damaged = 'r0,s,b\nr1,s,"b"\nr2,s,\0\0\0\0\nr9,looks,like a record\nend"\nr3,s,b\n'

    assert outcome(damaged) == ["r0", none_of(3, 6, STRAY), "r3"]


def test_another_encoding_in_the_middle_costs_its_own_lines() -> None:
    utf_16 = "r2,s,b\nr3,s,b\n".encode("utf-16")
    latin_1 = "r4,s,ü\n".encode("latin-1")

    found = outcome(b"r1,s,b\n" + utf_16 + b"\n" + latin_1 + b"r5,s,b\n")

    assert [each for each in found if not each.startswith("line")] == ["r1", "r5"]
    assert found[-2] == "line 6: body is not UTF-8"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_header_of_a_file_that_was_appended_is_no_ticket(mark: bytes) -> None:
    assert outcome(b"r1,s,b\n" + mark + HEADER + b"r2,s,b\n") == [
        "r1",
        "line 3: is the header once more",
        "r2",
    ]


def test_a_byte_order_mark_in_the_middle_is_no_part_of_a_reference() -> None:
    assert outcome(b"r1,s,b\n\xef\xbb\xbfr2,s,b\n") == [
        "r1",
        "line 3: begins with a byte order mark, as a file does",
    ]


def test_a_record_waits_for_no_more_characters_than_a_record_may_have() -> None:
    """The one that is held back is not read before the others are taken."""
    body = b"b" * 100_000

    def lines() -> Iterable[bytes]:
        yield HEADER
        yield b"r1,s,b\n"
        for _ in range(LONGEST // len(body)):
            yield b"r2,s," + body + b"\n"
        yield b"r3,s," + body + b"\n"
        raise AssertionError("it waited")

    first = next(iter(Records(lines())))

    assert isinstance(first, Row)
    assert first.reference == "r1"


def test_records_do_not_wait_while_no_more_lines_come() -> None:
    def lines() -> Iterable[bytes]:
        yield from (HEADER, b"r1,s,b\n", b"r2,s,b\n", b"")
        raise AssertionError("it waited")

    found = iter(Records(lines()))

    assert [next(found).line, next(found).line] == [2, 3]


def test_in_doubt_they_do() -> None:
    def lines() -> Iterable[bytes]:
        yield from (HEADER, b'r1,s,"say "no" and\n', b"r9,s,b\n", b"", b'end"\n', b"r2,s,b\n")

    found = [each.reference if isinstance(each, Row) else str(each) for each in Records(lines())]

    assert found == [none_of(2, 4, STRAY), "r2"]


FOUR = b"reference,subject,body,status\n"
CUT = 'r2,s,"list:\n"\nr8,looks,like,open\nr9,this,too,open\n'


def counted(fields: int, columns: int) -> str:
    return f"has {fields} fields, the header has {columns}"


def test_between_two_pieces_of_a_field_nothing_is_taken_and_after_them_all() -> None:
    damaged = "r1,s,b,open\n" + CUT + '"\nend",open\nr3,s,b,open\n'

    assert outcome(damaged * 2, header=FOUR) == [
        "r1",
        none_of(3, 8, counted(2, 4)),
        "r3",
        "r1",
        none_of(11, 16, counted(2, 4)),
        "r3",
    ]


def test_after_one_piece_nothing_is_taken_up_to_the_end_of_the_file() -> None:
    r1, bad = outcome("r1,s,b,open\n" + CUT, header=FOUR)

    assert r1 == "r1"
    assert bad.startswith(f"lines 3-6: {counted(3, 4)} (line 4), perhaps by a quote that is not")
    assert bad.endswith("; none of these lines is imported")


def test_unless_two_records_have_no_other_reading() -> None:
    good = 'r3,s,"b, c",open\nr4,s,"b, c",open\n'

    assert outcome(CUT + good, header=FOUR) == [
        f"lines 2-3: {counted(3, 4)}",
        "r8",
        "r9",
        "r3",
        "r4",
    ]


def test_nor_does_a_wrong_number_of_fields_cost_more_than_a_field_can_be_long() -> None:
    many = LONGEST // len("r3,s,b,open\n")
    found = outcome('r2,s,"list:\n"\n' + "r3,s,b,open\n" * 2 * many, header=FOUR)

    assert found == [f"lines 2-3: {counted(3, 4)}", *["r3"] * 2 * many]


@pytest.mark.parametrize("rest", ['" and left"', '" and","left"', '" and "left""'])
def test_a_rest_that_begins_with_a_quote_refuses_what_comes_before_it(rest: str) -> None:
    """The first piece has the right number of fields."""
    (r0, bad, r3) = outcome(f'r0,s,b\nr1,s,"He said: "\nr9,looks,like\n{rest}\nr3,s,b\n')

    assert (r0, r3) == ("r0", "r3")
    assert bad.startswith("lines 3-5: ")


def test_where_the_body_comes_first_a_rest_has_the_right_number_of_fields() -> None:
    damaged = '"list:\n"\nlooks,r9,like,open\n"\nend",r2,s,open\nb,r3,s,open\n'

    assert outcome(damaged, header=b"body,reference,subject,status\n") == [
        none_of(2, 6, "may be the rest of a field"),
        "r3",
    ]


def test_a_record_without_quotes_before_the_first_piece_is_taken() -> None:
    found = outcome("r1,s,b\n" * 3 + '" left"\nr2,s,b\n')

    assert found == [*["r1"] * 3, f"line 5: {counted(1, 3)}", "r2"]
