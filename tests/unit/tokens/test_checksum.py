"""A checksum tells a token from noise, in Python and in the server's tables."""

import string
from binascii import crc32
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_rotation.tokens.checksum import BASE62, checksum
from token_rotation.tokens.finding import Likeness, find_tokens, likeness_of
from token_rotation.tokens.formats import TokenFormat, hexadecimal, prefixed, urlsafe

TICKET = prefixed("tkt_")
STATION = prefixed("tkt_st.", 24)
MIGRATION = import_module("token_rotation.migrations.0005_with_checksum")


@pytest.mark.parametrize(
    ("random", "six"), [("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"), ("", "000000")]
)
def test_it_is_that_of_githubs_tokens(random: str, six: str) -> None:
    assert checksum(random) == six


@given(st.text(string.printable))
def test_it_is_the_crc32_in_base62(text: str) -> None:
    number = 0
    for digit in checksum(text):
        number = number * 62 + BASE62.index(digit)
    assert number == crc32(text.encode())


@given(st.binary())
def test_the_tables_of_the_migration_make_the_crc32(text: bytes) -> None:
    tables, six = MIGRATION.TABLES, MIGRATION.BYTES_AT_A_TIME
    crc, rest = 0xFFFFFFFF, text
    while len(rest) >= six:
        mixed = bytes(
            a ^ b for a, b in zip(rest, crc.to_bytes(4, "little") + b"\0\0", strict=False)
        )
        crc = 0
        for byte, table in zip(mixed, reversed(tables), strict=True):
            crc ^= table[byte]
        rest = rest[six:]
    for byte in rest:
        crc = crc >> 8 ^ tables[0][(crc ^ byte) & 255]
    assert crc ^ 0xFFFFFFFF == crc32(text)


@pytest.mark.parametrize("tokens", [TICKET, STATION])
def test_every_token_that_is_made_passes(tokens: TokenFormat) -> None:
    made = tokens.make(500)
    assert {len(token) for token in made} == {tokens.length}
    assert all(likeness_of(token, tokens) is Likeness.WELL_FORMED for token in made)


@given(st.integers(0, TICKET.length - 1), st.sampled_from(string.printable))
def test_one_changed_character_always_fails(place: int, character: str) -> None:
    (token,) = TICKET.make(1)
    changed = token[:place] + character + token[place + 1 :]
    assert (likeness_of(changed, TICKET) is Likeness.WELL_FORMED) == (changed == token)


def test_tokens_are_found_wherever_they_stand_and_noise_is_told() -> None:
    ticket, station = TICKET.make(1)[0], STATION.make(1)[0]
    noise = ticket[:-1] + ("0" if ticket[-1] != "0" else "1")
    text = f'{{"a": "\\n{ticket}", "url": "/t?x={station}{ticket}tkt_{noise}"}}'
    found = list(find_tokens(text, [TICKET, STATION, hexadecimal(), urlsafe(prefix="t")]))
    held = [text[each.start : each.end] for each in found if each.likeness is Likeness.WELL_FORMED]
    assert held == [ticket, station, ticket]
    assert [text[each.start : each.end] for each in found if each.likeness is Likeness.NOISE] == [
        noise
    ]


def test_of_two_formats_the_likelier_counts() -> None:
    other = urlsafe(36, prefix="tkt_")
    (token,) = TICKET.make(1)
    for formats in ([TICKET, other], [other, TICKET]):
        (found,) = find_tokens(token, formats)
        assert found.likeness is Likeness.WELL_FORMED
    (found,) = find_tokens(token[:-2] + "-_", [TICKET, other])
    assert found.likeness is Likeness.ALIKE


@pytest.mark.parametrize("prefix", ["", "t_", "tk$", "tkt ", "tké_"])
def test_a_prefix_that_cannot_be_found_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        prefixed(prefix)


def test_too_few_random_characters_are_refused() -> None:
    with pytest.raises(ValueError, match="a secret needs 128: 22 characters"):
        prefixed("tkt_", 21)
