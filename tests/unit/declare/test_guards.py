"""What a guard is told goes to both of its triggers; what it is not told is the careful choice."""

from typing import Any

import pytest

from token_rotation.tokens.formats import hexadecimal
from token_rotation.triggers.guard import guard, guards_of
from token_rotation.triggers.guard_triggers import InsertGuard, MoveGuard, SentGuard, UpdateGuard
from token_rotation.triggers.truth_table.words import Accept


def test_by_default_a_guard_takes_nothing_for_granted() -> None:
    insert = InsertGuard(token="token", marker="token_rotated_at")
    update = UpdateGuard(token="token", marker="token_rotated_at")
    assert insert.fresh_token == update.fresh_token == "gen_random_uuid()"
    assert insert.accept is update.accept is Accept.FRESH
    assert (insert.length, insert.derived, insert.partitioned) == (None, {}, False)
    assert (update.derived, update.unrelated, update.make_tokens) == ({}, (), None)
    assert (update.stores_plain, update.revokes) == (False, False)


def test_a_guard_that_is_told_nothing_has_two_triggers_and_no_options() -> None:
    insert, update = guard()
    assert isinstance(insert, InsertGuard)
    assert isinstance(update, UpdateGuard)
    assert (insert.token, update.token) == ("token", "token")
    assert (insert.partitioned, insert.length) == (False, None)
    assert (update.stores_plain, update.revokes, update.unrelated) == (False, False, ())


@pytest.mark.parametrize("partitioned", [False, True])
@pytest.mark.parametrize("accept", ["fresh", "sent"])
def test_the_other_triggers_follow_from_the_options(accept: Any, *, partitioned: bool) -> None:
    others = [type(each) for each in guard(accept=accept, partitioned=partitioned)[2:]]
    expected: list[type[Any]] = [MoveGuard] if partitioned else []
    expected += [SentGuard] if accept == "sent" else []
    assert others == expected


def test_a_format_gives_expression_and_length_to_the_guard() -> None:
    tokens = hexadecimal(40)
    insert, update = guard(fresh_token=tokens)
    assert isinstance(insert, InsertGuard)
    assert isinstance(update, UpdateGuard)
    assert (insert.fresh_token, insert.length) == (tokens.sql, tokens.length)
    assert (update.fresh_token, update.revokes) == (tokens.sql, False)


def test_a_derived_column_without_sql_is_unrelated() -> None:
    insert, update = guard(derived={"digest": "md5({token})", "note": None})
    assert isinstance(insert, InsertGuard)
    assert isinstance(update, UpdateGuard)
    assert insert.derived == update.derived == {"digest": "md5({token})"}
    assert update.unrelated == ("note",)


def test_guards_are_pairs_of_the_same_token_with_their_other_triggers() -> None:
    of_token = guard("token", "token_rotated_at", partitioned=True, accept="sent")
    of_code = guard("code", "code_rotated_at")
    mixed = [*of_code, *reversed(of_token)]
    pairs = list(guards_of(mixed))
    assert [(pair.insert.token, pair.update.token) for pair in pairs] == [
        ("code", "code"),
        ("token", "token"),
    ]
    assert [set(map(type, pair.others)) for pair in pairs] == [set(), {MoveGuard, SentGuard}]
    assert list(guards_of(of_token[1:])) == []
    assert list(guards_of(tuple(of_code)))
    for nothing in (None, "triggers", iter(of_code), []):
        assert list(guards_of(nothing)) == []
