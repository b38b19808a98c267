"""The shape of a list says where tokens may stand, and tells none of them."""

import io
import re
import tracemalloc
from uuid import uuid4

import pytest

from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.selection.leak_list import LeakList
from token_rotation.verification.everywhere.shape import Shape, shape_of
from token_rotation.verification.token_list import kinds_of


def shape(*tokens: str) -> Shape:
    text = "".join(f"{token}\n" for token in tokens)
    return shape_of(LeakList(io.BytesIO(text.encode()), "l", kinds_of([]), "tokens"))


@pytest.mark.parametrize("write", [str, lambda u: u.hex, lambda u: str(u).upper()])
def test_uuids_are_looked_for_as_digits_however_they_are_listed(write) -> None:  # noqa: ANN001
    token = uuid4()
    found = shape(write(token), str(uuid4()))
    assert found.wanted.is_hex
    assert (found.wanted.head_bytes, found.wanted.longest_bytes) == (32, 32)
    assert list(found.spellings(write(token))) == [token.hex.encode()]


def test_bytes_are_looked_for_as_digits() -> None:
    found = shape(r"\x0123456789abcdef", r"\x0123456789abcdef01")
    assert (found.wanted.is_hex, found.wanted.head_bytes, found.wanted.longest_bytes) == (
        True,
        16,
        18,
    )
    assert list(found.spellings(r"\x0123456789abcdef")) == [b"0123456789abcdef"]


def test_one_other_token_makes_every_token_text() -> None:
    token = str(uuid4())
    found = shape(token, "sk_live_1234")
    assert not found.wanted.is_hex
    assert set(found.spellings(token)) == {token.encode(), token.replace("-", "").encode()}


@pytest.mark.parametrize(
    "token",
    [
        "Fb2NkXUFsYW6zbaYloVXCEmdUDShMM4-nxz_EPE0jsg",
        "a+b/c=d]e^f-g\\h",
        "A1 b2.c3%d4",
        "12345678",
        "q'\"{}$~|*",
    ],
)
def test_the_expression_finds_each_spelling_between_others(token: str) -> None:
    found = shape(token)
    assert found.wanted.pattern is not None
    for spelling in found.spellings(token):
        text = f"\n{spelling.decode()}\n"
        assert any(
            spelling.decode() in stretch for stretch in re.findall(found.wanted.pattern, text)
        )


def test_the_expression_names_classes_and_no_token() -> None:
    assert shape("abcdefgh").wanted.pattern == "[a-z]{8,}"
    assert shape("abcdefgh-1", "Z2345678").wanted.pattern == r"[a-zA-Z0-9\-]{8,}"


def test_where_a_character_is_beyond_ascii_any_text_is_looked_at() -> None:
    assert shape("pässwörter").wanted.pattern is None


def test_tokens_too_short_to_be_told_from_text_are_counted_and_left_out() -> None:
    found = shape("1234567", "12345678")
    assert found.short_lines == 1
    assert list(found.spellings("1234567")) == []
    assert found.wanted.head_bytes == 8


def test_long_tokens_are_found_by_their_beginning() -> None:
    found = shape("a" * 500)
    assert (found.wanted.head_bytes, found.wanted.longest_bytes) == (64, 500)


@pytest.mark.parametrize(
    ("tokens", "are"), [(["12345678"], True), (["12345678", "x2345678"], False)]
)
def test_numbers_are_told_from_text(tokens: list[str], *, are: bool) -> None:
    assert shape(*tokens).are_numbers is are


def test_memory_does_not_grow_with_the_list() -> None:
    text = "".join(f"{uuid4()}\n" for _ in range(20_000)).encode()
    tokens = LeakList(io.BytesIO(text), "l", kinds_of([]), "tokens")
    tracemalloc.start()
    try:
        found = shape_of(tokens)
        stream = CopyStream(form for token in tokens.values() for form in found.spellings(token))
        while stream.read(8192):
            pass
        assert tracemalloc.get_traced_memory()[1] < 200_000  # bytes; the list has 740,000
    finally:
        tracemalloc.stop()
