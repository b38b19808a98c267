"""verify_tokens sees what the application's look-ups see, or refuses."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.support.leaked import leak, value
from token_rotation.errors import ListError, StatementError, UnknownTargetError
from token_rotation.options import ListOptions
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.verification.derived_column import DerivedColumn, derived_of
from token_rotation.verification.token_column import TokenColumn, column_of, find_columns
from token_rotation.verification.token_list import opened_texts, opened_tokens
from token_rotation.verification.valid_tokens import verify, verify_list
from token_rotation.verification.verified import Verified

pytestmark = pytest.mark.server_versions

CHECKSUM = DerivedColumn("checksum", "encode(sha256({token}::text::bytea), 'hex')")
PREFIX = DerivedColumn("prefix", "left({token}::text, 2)")


def run(tickets: Any, statements: str) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(statements)


@pytest.fixture
def leaked(tickets: Any, tmp_path: Path) -> Path:
    """A list of the tokens of 20 tickets."""
    leak(tickets, 20)
    path = tmp_path / "leaked.txt"
    path.write_text(value(tickets, "SELECT string_agg(token::text, E'\\n') FROM leaked"))
    return path


def verified(column: TokenColumn, path: Path, kind: str | None = None) -> Verified:
    with (
        opened_tokens([column], ListOptions(str(path), kind)) as leak_list,
        reading(column.database) as connection,
    ):
        return verify(connection, column, leak_list)


def with_derived(tickets: Any, target: Target) -> TokenColumn:
    run(
        tickets,
        "ALTER TABLE tickets_ticket ADD checksum text, ADD prefix text;"
        "UPDATE tickets_ticket SET checksum = encode(sha256(token::text::bytea), 'hex'),"
        " prefix = left(token::text, 2)",
    )
    return replace(column_of(target), derived=(CHECKSUM, PREFIX))


ROTATED = "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now()"


def test_a_derived_column_that_a_rotation_leaves_behind_still_opens(
    tickets: Any, target: Target, leaked: Path
) -> None:
    column = with_derived(tickets, target)
    assert verified(column, leaked) == Verified(20, 20, (("checksum", 0), ("prefix", 0)))
    run(tickets, ROTATED)
    behind = verified(column, leaked)
    assert (behind.valid_lines, dict(behind.derived)["checksum"]) == (0, 20)
    assert dict(behind.derived)["prefix"] > 0
    assert not behind.none_valid
    run(
        tickets,
        "UPDATE tickets_ticket SET checksum = encode(sha256(token::text::bytea), 'hex'),"
        " prefix = left(token::text, 2)",
    )
    # A prefix that follows from a fresh token may be that of a leaked one.
    assert verified(column, leaked) == Verified(20, 0, (("checksum", 0), ("prefix", 0)))


def test_with_hashes_a_derived_column_must_follow_from_the_stored_token(
    tickets: Any, target: Target, leaked: Path
) -> None:
    column = with_derived(tickets, target)
    digests = [hashlib.sha256(line.encode()).hexdigest() for line in leaked.read_text().split()]
    leaked.write_text("\n".join(digests))
    run(tickets, f"{ROTATED} WHERE id > 5")
    found = verified(column, leaked)
    assert (found.valid_lines, found.derived[0]) == (5, ("checksum", 15))
    assert 5 < dict(found.derived)["prefix"] <= 15  # some fresh prefixes are equal by chance


def test_a_declaration_without_derived_columns_has_none(target: Target) -> None:
    assert derived_of(target) == ()


def test_each_derived_column_comes_with_its_sql() -> None:
    declared: Any = SimpleNamespace(derived=("checksum",), derived_sql=("md5({token})",))
    assert derived_of(declared) == (DerivedColumn("checksum", "md5({token})"),)


def test_where_hashes_are_stored_no_token_is_looked_for_without_a_word(
    target: Target, leaked: Path
) -> None:
    column, said = replace(column_of(target), holds_hashes=True), list[str]()
    with pytest.raises(ListError, match=r"holds hashes, .* --through"):
        verify_list([column], ListOptions(str(leaked)), said.append)
    assert said == []
    assert not verify_list([column], ListOptions(str(leaked), "tokens"), said.append)


@pytest.mark.parametrize(
    ("name", "column", "label"),
    [
        ("tickets.Ticket", "token", "tickets.Ticket"),
        ("tickets.ticket.token", "token", "tickets.Ticket"),
        ("tickets.Ticket.subject", "subject", "tickets.Ticket.subject"),
        ("tickets.Ticket.pk", "id", "tickets.Ticket.id"),
        ("tickets.Message.ticket", "ticket_id", "tickets.Message.ticket"),
    ],
)
def test_any_field_can_be_named(target: Target, name: str, column: str, label: str) -> None:
    (found,) = find_columns(target.database, [name])
    assert (found.column, found.label, found.database) == (column, label, target.database)


def test_columns_are_looked_in_once_each(target: Target) -> None:
    names = ["tickets.Ticket.subject", "tickets.Ticket", "tickets.Ticket.subject"]
    assert [each.column for each in find_columns(target.database, names)] == ["subject", "token"]


@pytest.mark.parametrize("name", ["tickets.Nothing", "tickets.Ticket.nothing", "nothing", "a.b.c"])
def test_what_is_no_field_is_named(target: Target, name: str) -> None:
    with pytest.raises(UnknownTargetError, match=name):
        find_columns(target.database, [name])


def test_a_list_may_be_of_several_columns_of_different_types(
    tickets: Any, target: Target, leaked: Path
) -> None:
    run(tickets, "UPDATE tickets_ticket SET subject = 'sk_live_1' WHERE id = 7")
    columns = find_columns(
        target.database, ["tickets.Ticket", "tickets.Ticket.subject", "tickets.Ticket.pk"]
    )
    leaked.write_text(leaked.read_text() + "\nsk_live_1\n3\n9999\n")
    said: list[str] = []
    assert not verify_list(columns, ListOptions(str(leaked), "tokens"), said.append)
    assert [sentence.partition("; ")[2] for sentence in said] == [
        "20 of them still open something.",
        "1 of them still opens something.",
        "1 of them still opens something.",
    ]


def test_a_line_that_no_column_can_hold_ends_it(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "leaked.txt"
    path.write_text(f"{uuid4()}\n12\nsecret\n")
    columns = find_columns(target.database, ["tickets.Ticket", "tickets.Ticket.pk"])
    with pytest.raises(ListError, match="line 3"), opened_tokens(columns, ListOptions(str(path))):
        pass


def test_rows_that_row_security_hides_are_a_refusal(
    tickets: Any, target: Target, leaked: Path, limit_connections: Callable[[int], None]
) -> None:
    limit_connections(10)
    run(
        tickets,
        "ALTER TABLE tickets_ticket ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY part ON tickets_ticket USING (id > 15)",
    )
    with pytest.raises(
        StatementError,
        match=r"Row security hides rows of tickets_ticket from the role .*policy part",
    ):
        verified(column_of(target), leaked)
    digest = hashlib.sha256(b"x").hexdigest()
    leaked.write_text(f"{digest}\n")
    with pytest.raises(
        StatementError,
        match=r"Row security hides rows of tickets_ticket from the role .*policy part",
    ):
        verified(column_of(target), leaked)


def test_a_token_that_an_index_lacks_is_found(tickets: Any, target: Target, leaked: Path) -> None:
    of_table = "WHERE indrelid = 'tickets_ticket'::regclass"
    for statement in (
        "CREATE TABLE kept AS SELECT * FROM tickets_ticket",
        "DELETE FROM tickets_ticket",
        "ALTER TABLE tickets_ticket DISABLE TRIGGER USER",
        f"UPDATE pg_index SET indisready = false {of_table}",
        "INSERT INTO tickets_ticket SELECT * FROM kept",
        f"UPDATE pg_index SET indisready = true {of_table}",
        f'ALTER DATABASE "{tickets.info.dbname}" SET enable_seqscan = off',
        "SET enable_seqscan = off",
    ):
        run(tickets, statement)
    by_index = "SELECT count(*) FROM tickets_ticket WHERE token = (SELECT token FROM kept LIMIT 1)"
    assert value(tickets, by_index) == 0
    assert verified(column_of(target), leaked).valid_lines == 20


@pytest.mark.parametrize(("header", "kind"), [("sha256\n", None), ("", "hashes")])
def test_hashes_cannot_be_searched_for(
    target: Target, tmp_path: Path, header: str, kind: str | None
) -> None:
    path = tmp_path / "hashes.txt"
    path.write_text(f"{header}{'0' * 64}\n")
    asked = ListOptions(str(path), kind)
    opened = opened_texts([column_of(target)], asked, option="--everywhere", are_named=False)
    with pytest.raises(ListError, match=r"names the column sha256|needs the tokens"), opened:
        pass


def test_a_search_reads_any_text_unless_columns_are_named(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "knox.txt"
    columns, asked = [column_of(target)], ListOptions(str(path))
    for text in ("k" * 67, "0" * 64, str(uuid4())):
        path.write_text(f"{text}\n")
        with opened_texts(columns, asked, option="--through", are_named=False) as leak_list:
            assert list(leak_list.values()) == [text]
    path.write_text("k" * 67)
    opened = opened_texts(columns, asked, option="--through", are_named=True)
    with pytest.raises(ListError, match="holds no tokens"), opened:
        pass


def test_a_name_tells_that_a_column_holds_hashes(target: Target) -> None:
    names = ["token_rotation.RetiredToken.hash", "token_rotation.RetiredToken.source"]
    assert [each.holds_hashes for each in find_columns(target.database, names)] == [True, False]


def test_what_has_no_column_is_named(target: Target) -> None:
    with pytest.raises(UnknownTargetError, match=r"auth\.Group\.permissions has no column"):
        find_columns(target.database, ["auth.Group.permissions"])
