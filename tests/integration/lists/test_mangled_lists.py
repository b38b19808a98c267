"""A list that could not find a token is no all-clear."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import new, sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import leak
from token_rotation.errors import ListError
from token_rotation.options import ListOptions
from token_rotation.selection.target import Target
from token_rotation.tokens.formats import hexadecimal, urlsafe
from token_rotation.verification.token_column import TokenColumn, find_columns
from token_rotation.verification.valid_tokens import verify_list

pytestmark = pytest.mark.server_versions

LISTED = hexadecimal(prefix="tk_").make(30)


@pytest.fixture
def column(tickets: Any, target: Target) -> TokenColumn:
    """A text column that no guard declares, of 30 rows."""
    leak(tickets, 30)
    return find_columns(target.database, ["tickets.Ticket.subject"])[0]


def store(tickets: Any, values: Sequence[str]) -> None:
    with tickets.cursor() as cursor:
        for number, text in enumerate(values, 1):
            cursor.execute("UPDATE tickets_ticket SET subject = %s WHERE id = %s", (text, number))


@pytest.fixture
def verified(tmp_path: Path) -> Any:
    """verified(columns, lines, ...) is the answer, and what was said."""

    def run(
        columns: list[TokenColumn],
        lines: Sequence[str],
        kind: str | None = None,
        *,
        shape_differs: bool = False,
    ) -> tuple[bool, list[str]]:
        path, said = tmp_path / "leaked.txt", list[str]()
        path.write_text("\n".join(lines))
        asked = ListOptions(str(path), kind)
        return verify_list(columns, asked, said.append, shape_differs=shape_differs), said

    return run


def test_a_mangled_list_cannot_tell(tickets: Any, column: TokenColumn, verified: Any) -> None:
    store(tickets, LISTED)
    for lines in (
        [token.upper() for token in LISTED],
        [token.removeprefix("tk_") for token in LISTED],
        [token[:20] for token in LISTED],
        [token.replace("_", "%5F") for token in LISTED],
    ):
        with pytest.raises(ListError, match=r"cannot tell: no line .* --shape-differs"):
            verified([column], lines)
    assert not verified([column], LISTED)[0]


def test_after_a_rotation_the_right_list_is_an_all_clear(
    tickets: Any, column: TokenColumn, verified: Any
) -> None:
    store(tickets, hexadecimal(prefix="tk_").make(30))
    assert verified([column], LISTED)[0]
    # Also if some rows are of another format, or only one line looks right.
    store(tickets, urlsafe().make(20))
    assert verified([column], LISTED)[0]
    assert verified([column], [*(token.upper() for token in LISTED[1:]), LISTED[0]])[0]


def test_after_a_rotation_to_another_format_the_operator_says_so(
    tickets: Any, column: TokenColumn, verified: Any
) -> None:
    store(tickets, urlsafe().make(30))
    with pytest.raises(ListError, match="--shape-differs"):
        verified([column], LISTED)
    none_valid, said = verified([column], LISTED, shape_differs=True)
    assert none_valid
    assert "none of them opens anything" in said[0]


def test_a_listed_token_that_is_kept_as_retired_proves_the_list(
    tickets: Any, column: TokenColumn, verified: Any
) -> None:
    store(tickets, urlsafe().make(30))
    kept = "INSERT INTO token_rotation_retiredtoken VALUES (%s, 'a.b', now())"
    with tickets.cursor() as cursor:
        cursor.execute(kept, (sha256(LISTED[7].encode()).digest(),))
    assert verified([replace(column, is_declared=True)], LISTED)[0]


def test_where_nothing_is_stored_any_list_is_right(
    tickets: Any, column: TokenColumn, verified: Any
) -> None:
    store(tickets, [""] * 30)
    assert verified([column], LISTED)[0]


def test_a_list_of_another_column_is_right_for_all(
    tickets: Any, target: Target, column: TokenColumn, verified: Any
) -> None:
    store(tickets, hexadecimal(prefix="tk_").make(30))
    token = find_columns(target.database, ["tickets.Ticket"])[0]
    uuids = ["9f8e7d6c-5b4a-4321-8765-43210fedcba9"]
    none_valid, said = verified([token, column], uuids, "tokens")
    assert (none_valid, len(said)) == (True, 2)
    # A mangled line is no UUID, so it is of no column.
    with pytest.raises(ListError, match="cannot tell"):
        verified([token, column], [text.upper() for text in LISTED], "tokens")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_digests_of_listed_tokens_are_found(
    tickets: Any, column: TokenColumn, verified: Any, algorithm: str
) -> None:
    tokens = hexadecimal(64).make(30)  # as long as a SHA-256
    others = hexadecimal(len(new(algorithm).hexdigest()))
    store(tickets, [*others.make(29), new(algorithm, tokens[3].encode()).hexdigest()])
    for each in (column, replace(column, is_declared=True)):
        for differs in (False, True):
            with pytest.raises(ListError, match=r"holds hashes of listed tokens\. .* --through"):
                verified([each], tokens, "tokens", shape_differs=differs)


def test_a_column_of_other_digests_is_no_all_clear(
    tickets: Any, target: Target, column: TokenColumn, verified: Any
) -> None:
    store(tickets, [sha256(f"salt {text}".encode()).hexdigest() for text in LISTED])
    for each in (column, replace(column, is_declared=True)):
        with pytest.raises(ListError, match=r"It may hold hashes: then .* --through"):
            verified([each], LISTED)
    # Not even if the list is right for another column.
    token = find_columns(target.database, ["tickets.Ticket"])[0]
    uuids = ["9f8e7d6c-5b4a-4321-8765-43210fedcba9", *LISTED]
    with pytest.raises(ListError, match="It may hold hashes"):
        verified([token, column], uuids, "tokens")


def test_a_column_of_password_hashes_finds_no_token(
    tickets: Any, target: Target, verified: Any
) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email,"
            " is_staff, is_active, date_joined) VALUES ('a', 'pbkdf2_sha256$1$c2FsdA$aGFzaA==',"
            " false, '', '', '', false, true, now())"
        )
    columns = find_columns(target.database, ["auth.User.password"])
    for differs in (False, True):
        with pytest.raises(ListError, match=r"holds hashes of passwords, .* --through"):
            verified(columns, LISTED, shape_differs=differs)


def test_64_digits_may_be_tokens_of_which_a_column_holds_a_part(
    column: TokenColumn, verified: Any, target: Target
) -> None:
    (short,) = find_columns(target.database, ["auth.User.first_name"])  # 150 characters
    short = replace(short, read=lambda text: _at_most(text, 15))
    lines = hexadecimal(64).make(3)
    with pytest.raises(ListError, match="say --list-of hashes"):
        verified([short], lines)
    assert verified([short], lines, "hashes")[0]
    assert verified([short], ["sha256", *lines])[0]


def _at_most(text: str, length: int) -> str:
    if len(text) > length:
        raise ValueError("too long")
    return text
