"""Columns that derive from the token are found in the rows, before anything is written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import leak
from token_rotation.inspection.columns.derived_columns import derived_problems
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.problem import Problem
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target

pytestmark = pytest.mark.server_versions

ROWS = 1_200
SHA256 = "encode(sha256(convert_to({token}::text, 'UTF8')), 'hex')"
STORED = SHA256.format(token="token")


@pytest.fixture
def execute(tickets: Any) -> Callable[[str], None]:
    """Execute SQL beside the guard; the tickets leaked, and have an empty column ``more``."""
    leak(tickets, ROWS)

    def execute(statement: str) -> None:
        tickets.cursor().execute(
            "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
            f"{statement};"
            "ALTER TABLE tickets_ticket ENABLE TRIGGER USER"
        )

    return execute


def found(target: Target, **changes: Any) -> tuple[list[Problem], list[Problem]]:
    with reading(target.database) as connection:
        return derived_problems(connection, replace(target, **changes))


@pytest.mark.parametrize(
    ("kind", "made", "what", "declaration"),
    [
        ("text", STORED, "the sha256 of the token in hexadecimal", SHA256),
        ("varchar(8)", "left(token::text, 8)", "first 8 characters", "left({token}::text, 8)"),
        ("bytea", "sha512(convert_to(token::text, 'UTF8'))", "the sha512 of the token", "sha512("),
        ("uuid", "md5(token::text)::uuid", "the md5 of the token", "SQL with {token}"),
        ("text", "'https://tickets.example/t/' || token", "the token itself", "SQL with {token}"),
        ("char(64)", f"upper({STORED})", "the sha256 of the token", "SQL with {token}"),
    ],
)
def test_one_row_refuses_by_the_columns_name(
    execute: Callable[[str], None],
    target: Target,
    kind: str,
    made: str,
    what: str,
    declaration: str,
) -> None:
    execute(
        f"ALTER TABLE tickets_ticket ADD more {kind};"
        f"UPDATE tickets_ticket SET more = {made} WHERE id = 400"
    )
    (problem,), warnings = found(target)
    assert not warnings
    assert problem.code == "token_rotation.E050"
    assert "tickets_ticket.more holds" in problem.sentence
    assert what in problem.sentence
    assert "in 1 of 1 rows compared" in problem.sentence
    assert declaration in problem.mend


def test_rows_that_were_rotated_do_not_hide_a_pending_one(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(
        f"ALTER TABLE tickets_ticket ADD more text;"
        f"UPDATE tickets_ticket SET more = {STORED} WHERE id = 600;"
        "UPDATE tickets_ticket SET token_rotated_at = now() WHERE id <> 600"
    )
    assert [problem.code for problem in found(target)[0]] == ["token_rotation.E050"]


def test_what_does_not_derive_from_the_token_is_no_matter(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(
        "ALTER TABLE tickets_ticket ADD more text, ADD key uuid DEFAULT gen_random_uuid(),"
        " ADD same text GENERATED ALWAYS AS (md5(token::text)) STORED"
    )
    execute("UPDATE tickets_ticket SET more = md5(id::text)")
    assert found(target) == ([], [])


def test_a_declared_column_is_compared_with_its_sql(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(f"ALTER TABLE tickets_ticket ADD more text; UPDATE tickets_ticket SET more = {STORED}")
    assert found(target, derived=("more",), derived_sql=(SHA256,)) == ([], [])
    (problem,), _ = found(target, derived=("more",), derived_sql=("md5({token}::text)",))
    assert problem.code == "token_rotation.E052"
    assert "in 1,000 of 1,000 rows" in problem.sentence
    (problem,), _ = found(target, derived=("more",), derived_sql=("no_function({token})",))
    assert problem.code == "token_rotation.E052"
    assert "no_function" in problem.sentence
    execute("UPDATE tickets_ticket SET more = 'old' WHERE id <= 3")
    problems, (warning,) = found(target, derived=("more",), derived_sql=(SHA256,))
    assert not problems
    assert warning.code == "token_rotation.W048"
    assert "in 3 of 1,000 rows" in warning.sentence


def test_a_column_that_is_declared_to_be_unrelated_is_a_warning_if_it_is_not(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(
        "ALTER TABLE tickets_ticket ADD more text;"
        "UPDATE tickets_ticket SET more = left(token::text, 8)"
    )
    problems, (warning,) = found(target, unrelated=("more",))
    assert not problems
    assert warning.code == "token_rotation.W046"


def test_a_digest_is_refused_although_it_is_declared_to_be_unrelated(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(f"ALTER TABLE tickets_ticket ADD more text; UPDATE tickets_ticket SET more = {STORED}")
    (problem,), _ = found(target, unrelated=("more",))
    assert problem.code == "token_rotation.E050"


def test_password_hashes_are_refused_unless_they_are_revoked(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(
        "UPDATE tickets_ticket SET subject = 'pbkdf2_sha256$1$a$' || md5(id::text) WHERE id = 1"
    )
    (problem,), _ = found(target, token_column="subject")
    assert problem.code == "token_rotation.E051"
    assert "tickets_ticket.subject holds password hashes in 1 of 1,000 rows" in problem.sentence
    assert found(target, token_column="subject", revokes=True)[0] == []


def test_what_could_not_be_compared_is_a_warning(
    execute: Callable[[str], None],
    tickets: Any,
    target: Target,
    limit_connections: Callable[[int], None],
) -> None:
    execute("ALTER TABLE tickets_ticket ADD more text")
    limit_connections(10)
    role = f"limited_{tickets.info.backend_pid}"
    tickets.cursor().execute(
        f"REVOKE SELECT ON tickets_ticket FROM {role};"
        f"GRANT SELECT (id, token, token_rotated_at, subject) ON tickets_ticket TO {role}"
    )
    problems, (warning,) = found(target)
    assert not problems
    assert warning.code == "token_rotation.W047"
    assert "more" in warning.sentence
    assert "may not read" in warning.sentence


def test_the_preflight_has_it_unless_it_is_told_not_to_read_rows(
    execute: Callable[[str], None], target: Target
) -> None:
    execute(f"ALTER TABLE tickets_ticket ADD more text; UPDATE tickets_ticket SET more = {STORED}")
    with reading(target.database) as connection:
        (problem,) = inspect(connection, target).problems
        assert problem.code == "token_rotation.E050"
        assert inspect(connection, target, compares_rows=False).intact


def test_an_empty_table_has_nothing_to_compare(target: Target) -> None:
    assert found(target) == ([], [])
