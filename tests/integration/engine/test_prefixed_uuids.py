"""A UUID with a given prefix is of version 4, and every other bit of it is random."""

from typing import Any
from uuid import RFC_4122, UUID

import pytest

from tests.support.leaked import leak
from token_rotation.selection.target import Target
from token_rotation.sql import tokens as tokens_sql

ROWS = 200
FIXED = 0xF000 << 64 | 0xC << 60
"""The bits of version and variant."""


@pytest.mark.parametrize("prefix", ["", "a", "0f3c"])
def test_a_token_is_a_uuid_of_version_4_whose_other_bits_are_random(
    tickets: Any, target: Target, prefix: str
) -> None:
    leak(tickets, ROWS)
    query = tokens_sql.prefixed_uuid(target).as_string(tickets)
    with tickets.cursor() as cursor:
        found = []
        for _ in range(2):
            values = {"token_prefix": prefix}
            cursor.execute(f'SELECT ({query})::text FROM "tickets_ticket"', values)
            found += [UUID(token) for (token,) in cursor.fetchall()]
    assert len(set(found)) == 2 * ROWS
    assert all(str(each).startswith(prefix) for each in found)
    assert {(each.version, each.variant) for each in found} == {(4, RFC_4122)}
    fixed = FIXED | ((1 << 128) - (1 << (128 - 4 * len(prefix))))
    ones, zeros = 0, 0
    for each in found:
        ones |= each.int
        zeros |= ~each.int
    assert (ones & zeros | fixed) & ((1 << 128) - 1) == (1 << 128) - 1
