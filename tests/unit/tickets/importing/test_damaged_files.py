"""A damaged file gives no ticket that the undamaged one does not contain."""

from __future__ import annotations

import csv
import io
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from tickets.importing.reading.records import Records as Importing
from tickets.importing.row import Row

HEADER = b"reference,subject,body\n"

# What a field of a record looks like, and what a record looks like, inside a field.
PIECES = ['"', '""', ",", "\n", "\r\n", "x", " ", '5" disk', "\nr9,s,b\n", '\n"r8","s","b"\n', "ü"]
BODIES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
Records = list[tuple[str, str, str]]


@st.composite
def files(draw: st.DrawFn) -> tuple[Records, str]:
    """Records and the file that holds them, with quotes where they are needed or everywhere."""
    bodies = draw(st.lists(BODIES, min_size=1, max_size=6))
    contents = [(f"r{n}", f"s{n}", f"b{body}") for n, body in enumerate(bodies)]
    text = io.StringIO()
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    csv.writer(text, quoting=quoting, lineterminator=ends).writerows(contents)
    return contents, text.getvalue()


def rows(data: bytes) -> Records:
    found = Importing(io.BytesIO(HEADER + data))
    return [(each.reference, each.subject, each.body) for each in found if isinstance(each, Row)]


def invented(contents: Records, damaged: str) -> Records:
    """The tickets that no record contains; a carriage return too many in a text is forgiven."""
    known = {str(each).replace("\\r", "") for each in contents}
    found = rows(damaged.encode(errors="surrogateescape"))
    return [each for each in found if str(each).replace("\\r", "") not in known]


@given(files())
def test_an_undamaged_file_gives_all_its_tickets(file: tuple[Records, str]) -> None:
    contents, text = file

    assert rows(text.encode()) == contents


@given(files(), st.data())
def test_a_lost_quote_invents_no_ticket(file: tuple[Records, str], data: st.DataObject) -> None:
    contents, text = file
    quotes = [place for place, character in enumerate(text) if character == '"']
    if quotes:
        at = data.draw(st.sampled_from(quotes))
        assert not invented(contents, text[:at] + text[at + 1 :])


@given(files(), st.data(), st.sampled_from(['"', "\r", "\0", '\0"', "\udcff"]))
def test_a_character_too_many_invents_no_ticket(
    file: tuple[Records, str], data: st.DataObject, character: str
) -> None:
    contents, text = file
    at = data.draw(st.integers(0, len(text)))
    assert not invented(contents, text[:at] + character + text[at:])


UNESCAPED = st.lists(st.sampled_from(['"no"', "\nr9,s,b\n", "\n", ",", "x", " y"]), max_size=8)


@given(files(), UNESCAPED.map("".join), st.integers(0, 5))
def test_a_record_whose_quotes_nobody_escaped_invents_no_ticket(
    file: tuple[Records, str], text: str, place: int
) -> None:
    """Its own text may be cut off where it reads as a record, but is none of the others."""
    contents, _ = file
    damaged = io.StringIO()
    for record in contents[:place]:
        csv.writer(damaged, lineterminator="\n").writerow(record)
    damaged.write(f'r7,s7,"He {text} end"\n')
    for record in contents[place:]:
        csv.writer(damaged, lineterminator="\n").writerow(record)

    named = [reference for reference, *_ in invented(contents, damaged.getvalue())]
    assert set(named) <= {"r7"}


# Each is CSV by itself between two others; the empty one stands for lines that look like tickets.
CUTTING = st.lists(st.sampled_from(['"', '\n"\n', '"\n', '\n"', "x", "\n", ""]), max_size=8)
COLUMNS = [
    "reference,subject,body",
    "reference,subject,body,status",
    "body,reference,subject,status",
]


@settings(max_examples=500)
@given(
    st.sampled_from(COLUMNS),
    st.lists(BODIES, max_size=4),
    CUTTING,
    st.integers(0, 4),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_a_field_that_its_quotes_cut_into_pieces_of_csv_invents_no_ticket(
    header: str, bodies: list[str], pieces: list[str], place: int, quoting: Literal[0, 1]
) -> None:
    columns = header.split(",")

    def record(number: int, body: str) -> list[str]:
        values = {"reference": f"r{number}", "subject": "s", "body": body, "status": "open"}
        return [values[name] for name in columns]

    looks_like_one = f"\n{','.join(record(9, 'b'))}\n"
    text = "".join(piece or looks_like_one for piece in pieces)
    contents = [record(n, f"b{body}") for n, body in enumerate(bodies)]
    damaged = io.StringIO()
    writer = csv.writer(damaged, quoting=quoting, lineterminator="\n")
    writer.writerows([columns, *contents[:place]])
    damaged.write(",".join(record(7, f'"He {text} end"')) + "\n")
    writer.writerows(contents[place:])

    found = Importing(io.BytesIO(damaged.getvalue().encode(errors="surrogateescape")))

    assert not [row for row in found if isinstance(row, Row) and row.reference == "r9"]
