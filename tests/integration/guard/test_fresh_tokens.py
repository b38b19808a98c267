"""What makes tokens in SQL is tried on the server before it is let loose on a table."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import value
from token_rotation.inspection.preflight import inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.tokens.formats import TokenFormat, characters, hexadecimal, urlsafe
from token_rotation.tokens.sources import SqlTokens


@pytest.fixture
def problems(target: Target, tickets: Any) -> Callable[[str], list[str]]:
    """What is said of an expression for a text column that has room for 20 characters."""
    with tickets.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket ADD COLUMN secret varchar(20)")

    def look(expression: str) -> list[str]:
        source = SqlTokens(expression)
        secret = replace(target, token_column="secret", token_source=source, token_is_unique=False)
        with reading(target.database) as connection:
            found = inspect(connection, secret).problems
        return [problem.sentence for problem in found if problem.code == "token_rotation.E008"]

    return look


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("(SELECT left(gen_random_uuid()::text, 20))", "gives several rows the same token"),
        ("gen_random_uuid()::text", "makes 36 characters, and the column has room for 20"),
        ("no_such_function()", "is no SQL that this server can run: UndefinedFunction"),
        ("left(gen_random_uuid()::text, 20", "is no SQL that this server can run: SyntaxError"),
        ("('leaked' || random())::uuid::text", "fails: InvalidTextRepresentation"),
        ("NULL", "makes NULL"),
    ],
)
def test_an_expression_that_would_not_give_each_row_a_token_is_told_before_the_rotation(
    problems: Callable[[str], list[str]], expression: str, sentence: str
) -> None:
    (said,) = problems(expression)
    assert sentence in said
    assert "leaked" not in said


def test_a_good_expression_is_let_through_also_with_a_per_cent_sign(
    problems: Callable[[str], list[str]],
) -> None:
    assert problems("left(gen_random_uuid()::text, 8 + 24 % 16)") == []


@pytest.mark.parametrize(
    ("tokens", "pattern"),
    [
        (hexadecimal(64), "[0-9a-f]{64}"),
        (hexadecimal(upper=True, prefix="TK."), r"TK\.[0-9A-F]{32}"),
        (urlsafe(200), "[-_0-9A-Za-z]{200}"),  # longer than a line of base64
        (characters("0123456789"), "[0-9]{39}"),
        (characters("abcdefghijklmnopqrstuvwxyz0123456789"), "[a-z0-9]{25}"),
    ],
)
def test_the_server_makes_tokens_of_the_format_each_character_equally_likely(
    tickets: Any, tokens: TokenFormat, pattern: str
) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(f"SELECT {tokens.sql} FROM generate_series(1, 2000)")
        made = [token for (token,) in cursor.fetchall()]
    assert len(set(made)) == 2000
    assert all(re.fullmatch(pattern, token) for token in made)
    drawn = "".join(token.removeprefix(tokens.prefix) for token in made)
    expected = len(drawn) / len(tokens.alphabet)
    # Six standard deviations, and the last character as likely as any.
    for text in (drawn, "".join(token[-1] for token in made)):
        expected = len(text) / len(tokens.alphabet)
        for character in tokens.alphabet:
            assert abs(text.count(character) - expected) < 6 * expected**0.5


def test_no_token_is_left_behind_by_the_trial(
    problems: Callable[[str], list[str]], tickets: Any
) -> None:
    assert problems("left(gen_random_uuid()::text, 20)") == []
    assert value(tickets, "SELECT count(*) FROM tickets_ticket") == 0
