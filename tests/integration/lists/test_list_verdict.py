"""A list is an all-clear only where every column was asked, and none holds anything of it."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.leaked import leak, value
from token_rotation.errors import ListError
from token_rotation.options import ListOptions
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.verification import valid_tokens
from token_rotation.verification.derived_column import DerivedColumn
from token_rotation.verification.token_column import TokenColumn, column_of, find_columns
from token_rotation.verification.token_list import opened_tokens
from token_rotation.verification.valid_tokens import verify, verify_list

FIRST = DerivedColumn("first", "left({token}::text, 8)")
LAST = DerivedColumn("last", "right({token}::text, 12)")


@pytest.fixture
def column(tickets: Any, target: Target) -> TokenColumn:
    """The token column of 6 tickets."""
    leak(tickets, 6)
    return column_of(target)


@pytest.fixture
def subject(target: Target) -> TokenColumn:
    """A column of the same table that no guard declares."""
    return find_columns(target.database, ["tickets.Ticket.subject"])[0]


def leaked(tickets: Any) -> list[str]:
    return str(value(tickets, "SELECT string_agg(token::text, ' ') FROM leaked")).split()


def asked(path: Path, lines: Sequence[str], kind: str | None = None) -> ListOptions:
    file = path / "leaked.txt"
    file.write_text("\n".join(lines))
    return ListOptions(str(file), kind)


def execute(tickets: Any, statement: str) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(statement)


def test_each_column_is_told_and_one_that_holds_a_token_makes_it_false(
    tickets: Any, column: TokenColumn, subject: TokenColumn, tmp_path: Path
) -> None:
    tokens = leaked(tickets)
    execute(tickets, "UPDATE tickets_ticket SET subject = gen_random_uuid()::text")
    said: list[str] = []
    listed = asked(tmp_path, tokens[:2], "tokens")
    assert verify_list([subject, column], listed, said.append) is False
    assert [line.partition(": ")[0] for line in said] == [subject.label, column.label]
    assert said[0].endswith("lists 2 tokens; none of them opens anything.")
    assert said[1].endswith("lists 2 tokens; 2 of them still open something.")


def test_a_list_that_one_column_holds_is_doubted_aloud_for_the_others(
    tickets: Any, column: TokenColumn, subject: TokenColumn, tmp_path: Path
) -> None:
    """Only a column that may hold hashes is doubted, since the list is right for another."""
    execute(
        tickets,
        "UPDATE tickets_ticket SET"
        " subject = encode(sha256(convert_to('salt' || id, 'UTF8')), 'hex')",
    )
    said: list[str] = []
    listed = asked(tmp_path, leaked(tickets), "tokens")
    assert verify_list([column, subject], listed, said.append) is False
    told, doubt = said
    assert told.endswith("6 of them still open something.")
    assert doubt.startswith(f"{subject.label}: cannot tell")
    assert doubt.endswith("say --shape-differs.")


def test_a_derived_column_that_holds_a_listed_token_makes_it_false(
    tickets: Any, column: TokenColumn, tmp_path: Path
) -> None:
    execute(
        tickets,
        'ALTER TABLE tickets_ticket ADD "first" text, ADD "last" text;'
        'UPDATE tickets_ticket SET "last" = right(token::text, 12),'
        " token = gen_random_uuid(), token_rotated_at = clock_timestamp();"
        'UPDATE tickets_ticket SET "first" = left(token::text, 8)',
    )
    said: list[str] = []
    derived = replace(column, derived=(FIRST, LAST))
    assert verify_list([derived], asked(tmp_path, leaked(tickets)), said.append) is False
    assert [line.partition(": ")[2].rpartition("/")[2] for line in said] == [
        "leaked.txt lists 6 tokens; none of them opens anything.",
        "the derived column first holds nothing of a listed token.",
        "the derived column last still holds the value of 6 listed tokens.",
    ]


@pytest.mark.parametrize(("kind", "looks"), [("tokens", 3), ("hashes", 1)])
def test_tokens_are_looked_up_some_at_a_time_and_hashes_together(
    tickets: Any,
    column: TokenColumn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    looks: int,
) -> None:
    monkeypatch.setattr(valid_tokens, "LINES_A_LOOK", 2)
    settings: list[list[str]] = []
    transaction = Connection.transaction

    def noted(self: Connection, *given: Any, **values: Any) -> Any:
        settings.append([str(each) for each in given])
        return transaction(self, *given, **values)

    monkeypatch.setattr(Connection, "transaction", noted)
    lines = leaked(tickets)
    if kind == "hashes":
        lines = [sha256(line.encode()).hexdigest() for line in lines]
    with (
        opened_tokens([column], asked(tmp_path, lines, kind)) as leak_list,
        reading(column.database) as connection,
    ):
        assert verify(connection, column, leak_list).valid_lines == 6
    assert len(settings) == looks
    needed = (
        statements.LIMIT_LOCK_WAIT,
        statements.WITHOUT_A_LIMIT,
        statements.USE_NO_INDEX,
        valid_tokens.list_sql.ROOM_TO_JOIN,
    )
    assert all(str(each) in given for each in needed for given in settings)


@pytest.mark.parametrize("kind", [None, "hashes"])
def test_a_column_of_hashes_is_asked_for_nothing_but_what_is_stored(
    column: TokenColumn, subject: TokenColumn, tmp_path: Path, kind: str | None
) -> None:
    hashed = replace(column, holds_hashes=True)
    lines = [sha256(b"a").hexdigest()]
    said: list[str] = []
    with pytest.raises(ListError, match=rf"^{column.label} holds hashes, .* --list-of tokens$"):
        verify_list([subject, hashed], asked(tmp_path, lines, kind), said.append)
    assert said == []


def test_sha256_that_are_told_by_their_look_alone_need_a_declared_column(
    tickets: Any, column: TokenColumn, subject: TokenColumn, tmp_path: Path
) -> None:
    tokens = leaked(tickets)
    digests = [sha256(text.encode()).hexdigest() for text in tokens]
    short = replace(subject, read=lambda text: str(uuid4()) if len(text) == 36 else _refused(text))
    said: list[str] = []
    assert not verify_list([column], asked(tmp_path, digests), said.append)
    with pytest.raises(ListError, match=rf"tokens that {subject.label} cannot hold"):
        verify_list([column, short], asked(tmp_path, digests), said.append)
    assert not verify_list([column, short], asked(tmp_path, ["sha256", *digests]), said.append)
    assert not verify_list([column, short], asked(tmp_path, digests, "hashes"), said.append)


def _refused(text: str) -> str:
    raise ValueError("no UUID")
