"""Only the very index, trigger and column that a rotation needs counts as one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import PythonTokens, SqlTokens

NO_PENDING = "DROP INDEX tickets_ticket_pending;"
NO_TOKEN = "ALTER TABLE tickets_ticket DROP CONSTRAINT tickets_ticket_token_key;"
PARTIAL = "WHERE token_rotated_at IS NULL"


@pytest.fixture
def look(target: Target) -> Callable[..., GuardState]:
    def look(**changes: Any) -> GuardState:
        with reading(target.database) as connection:
            return inspect(connection, replace(target, **changes))

    return look


@pytest.mark.parametrize(
    ("indexes", "pending", "token"),
    [
        ("", "valid", "valid"),
        (f"{NO_PENDING} CREATE INDEX ON tickets_ticket (id)", "missing", "valid"),
        (f"{NO_PENDING} CREATE INDEX ON tickets_ticket (token) {PARTIAL}", "missing", "valid"),
        (f"{NO_PENDING} CREATE INDEX ON tickets_ticket (id, token) {PARTIAL}", "missing", "valid"),
        (
            f"{NO_PENDING} CREATE INDEX ON tickets_ticket (id) WHERE token_rotated_at IS NOT NULL",
            "missing",
            "valid",
        ),
        (f"{NO_PENDING} CREATE UNIQUE INDEX ON tickets_ticket (id) {PARTIAL}", "valid", "valid"),
        (f"{NO_TOKEN} CREATE INDEX ON tickets_ticket (token)", "valid", "missing"),
        (f"{NO_TOKEN} CREATE UNIQUE INDEX ON tickets_ticket (token, id)", "valid", "missing"),
        (f"{NO_TOKEN} CREATE UNIQUE INDEX ON tickets_ticket (token) {PARTIAL}", "valid", "missing"),
        (f"{NO_TOKEN} CREATE UNIQUE INDEX ON tickets_ticket (token)", "valid", "valid"),
    ],
)
def test_an_index_counts_by_what_it_holds(
    tickets: Any, look: Callable[..., GuardState], indexes: str, pending: str, token: str
) -> None:
    if indexes:
        tickets.cursor().execute(indexes)
    state = look()
    assert state.indexes == {"pending": pending, "token": token}
    assert state.intact == ({pending, token} == {"valid"})
    assert state.holds, "the triggers are another matter"


@pytest.mark.parametrize("name", ["a_later_name", "z_later_name"])
def test_of_two_indexes_that_fit_the_valid_one_counts(
    tickets: Any, look: Callable[..., GuardState], name: str
) -> None:
    tickets.cursor().execute(
        f"CREATE INDEX {name} ON tickets_ticket (id) {PARTIAL};"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
        "'tickets_ticket_pending'::regclass"
    )
    assert look().indexes["pending"] == "valid"
    tickets.cursor().execute(
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass;"
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = "
        "'tickets_ticket_pending'::regclass"
    )
    assert look().indexes["pending"] == "valid"


def test_no_index_of_tokens_is_needed_where_they_need_not_be_unique(
    tickets: Any, look: Callable[..., GuardState]
) -> None:
    tickets.cursor().execute(NO_TOKEN)
    state = look(token_is_unique=False)
    assert state.indexes == {"pending": "valid"}
    assert state.intact


def test_a_marker_whose_name_needs_quotes_has_its_index(
    tickets: Any, look: Callable[..., GuardState]
) -> None:
    tickets.cursor().execute(
        'ALTER TABLE tickets_ticket ADD COLUMN "Rotated at" timestamptz;'
        'CREATE INDEX ON tickets_ticket (id) WHERE "Rotated at" IS NULL'
    )
    assert look(marker_column="Rotated at").indexes["pending"] == "valid"


@pytest.mark.parametrize(
    ("columns", "mend"),
    [
        ("token", "python manage.py migrate"),
        ("token_rotated_at", "every row is pending then)"),
        ("token token_rotated_at", "python manage.py migrate"),
    ],
)
def test_only_a_marker_can_be_added_again(
    tickets: Any, look: Callable[..., GuardState], columns: str, mend: str
) -> None:
    for column in columns.split():
        tickets.cursor().execute(f"ALTER TABLE tickets_ticket DROP COLUMN {column} CASCADE")
    (problem,) = look().problems
    assert problem.code == "token_rotation.E002"
    assert ", ".join(columns.split()) in problem.sentence
    assert problem.mend.endswith(mend)
    assert not look().holds


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("gen_random_uuid()", None),
        ("NULL::uuid", "makes NULL"),
        ("CASE WHEN random() < 2 THEN gen_random_uuid() END", None),
        ("(SELECT gen_random_uuid())", "gives several rows the same token"),
        ("no_such_function()", "is no SQL that this server can run"),
        ("(1 / 0)::text::uuid", "fails"),
    ],
)
def test_tokens_are_tried_before_a_rotation_uses_them(
    tickets: Any, look: Callable[..., GuardState], expression: str, said: str | None
) -> None:
    problems = look(token_source=SqlTokens(expression)).problems
    assert [problem.code for problem in problems] == (["token_rotation.E008"] if said else [])
    assert said is None or said in problems[0].sentence


def test_tokens_of_a_program_are_not_tried(tickets: Any, look: Callable[..., GuardState]) -> None:
    def make(rows: int) -> list[str]:
        raise AssertionError("asked")

    assert look(token_source=PythonTokens(make)).intact


@pytest.mark.parametrize(("characters", "fits"), [(31, False), (32, True), (33, True)])
def test_tokens_must_fit_into_their_column(
    tickets: Any, look: Callable[..., GuardState], *, characters: int, fits: bool
) -> None:
    tickets.cursor().execute(
        f"ALTER TABLE tickets_ticket ADD COLUMN short varchar({characters}) UNIQUE"
    )
    source = SqlTokens("md5(gen_random_uuid()::text)")
    problems = look(token_column="short", token_source=source).problems
    assert [problem.code for problem in problems] == ([] if fits else ["token_rotation.E008"])
    if not fits:
        assert f"makes 32 characters, and the column has room for {characters}" in str(problems[0])


def test_a_role_that_is_exempt_from_triggers_is_warned_of_and_one_that_connects_so_is_refused(
    tickets: Any, look: Callable[..., GuardState]
) -> None:
    role = f"exempt_{tickets.info.backend_pid}"
    cursor = tickets.cursor()
    cursor.execute(f"CREATE ROLE {role}; ALTER ROLE {role} SET session_replication_role = replica")
    try:
        state = look()
    finally:
        cursor.execute(f"DROP ROLE {role}")
    assert state.intact
    assert [warning.code for warning in state.warnings] == ["token_rotation.W001"]
    assert role in state.warnings[0].sentence
    assert look().warnings == ()
    name = tickets.info.dbname
    cursor.execute(f'ALTER DATABASE "{name}" SET session_replication_role = replica')
    assert [problem.code for problem in look().problems] == ["token_rotation.E007"]
