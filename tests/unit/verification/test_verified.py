"""What is said of a list tells, for each column, whether it still opens something."""

import io
from collections.abc import Sequence

import pytest

from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.list_kinds import Kind, read_sha256
from token_rotation.verification.token_column import TokenColumn
from token_rotation.verification.verified import Verified, verified_as_sentences

COLUMN = TokenColumn(
    label="app.Key",
    database="default",
    table="app_key",
    column="token",
    headers=frozenset(),
    key_headers=frozenset(),
    all_headers=frozenset(),
    read=str,
)
KINDS = [Kind("tokens", frozenset(), str), Kind("hashes", frozenset(), read_sha256)]


def said(verified: Verified, kind: str = "tokens") -> list[str]:
    with io.BytesIO(b"0" * 64) as file:
        return verified_as_sentences(COLUMN, LeakList(file, "leaked.txt", KINDS, kind), verified)


@pytest.mark.parametrize(
    ("valid_lines", "derived", "none_valid"),
    [
        (0, (), True),
        (0, (0,), True),
        (0, (0, 0), True),
        (1, (), False),
        (1, (0,), False),
        (0, (1,), False),
        (0, (2, 0), False),
        (0, (0, 1), False),
        (3, (1, 1), False),
    ],
)
def test_none_is_valid_when_no_column_holds_anything(
    valid_lines: int, derived: Sequence[int], *, none_valid: bool
) -> None:
    verified = Verified(5, valid_lines, tuple(zip("ab", derived, strict=False)))
    assert verified.none_valid is none_valid


@pytest.mark.parametrize(
    ("valid_lines", "end"),
    [
        (0, "none of them opens anything."),
        (1, "1 of them still opens something."),
        (2, "2 of them still open something."),
        (1234, "1,234 of them still open something."),
    ],
)
@pytest.mark.parametrize(
    ("kind", "lines", "start"),
    [
        ("tokens", 1, "lists 1 token"),
        ("tokens", 2345, "lists 2,345 tokens"),
        ("hashes", 1, "lists 1 SHA-256 of a token"),
        ("hashes", 2345, "lists 2,345 SHA-256 of tokens"),
    ],
)
def test_the_token_column_comes_first(
    kind: str, lines: int, start: str, valid_lines: int, end: str
) -> None:
    assert said(Verified(lines, valid_lines), kind) == [f"app.Key: leaked.txt {start}; {end}"]


@pytest.mark.parametrize(
    ("kind", "number", "sentence"),
    [
        ("tokens", 0, "holds nothing of a listed token."),
        ("tokens", 1, "still holds the value of 1 listed token."),
        ("tokens", 2345, "still holds the value of 2,345 listed tokens."),
        ("hashes", 0, "holds nothing of a listed token."),
        ("hashes", 1, "does not follow from the token in 1 row."),
        ("hashes", 2345, "does not follow from the token in 2,345 rows."),
    ],
)
def test_each_derived_column_has_its_sentence(kind: str, number: int, sentence: str) -> None:
    derived = (("checksum", number), ("prefix", 0))
    assert said(Verified(3, 0, derived), kind)[1:] == [
        f"app.Key: the derived column checksum {sentence}",
        "app.Key: the derived column prefix holds nothing of a listed token.",
    ]
