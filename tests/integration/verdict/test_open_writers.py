"""A write that is open across a rotation stores no leaked token after anybody said complete."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.state import ProjectState
from pytest_django.plugin import DjangoDbBlocker

from tests.support import driver
from tests.support.leaked import value
from tests.support.wished import wishing_models
from token_rotation.engine.result import Result
from token_rotation.events import Event
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Verdict
from token_rotation.inspection.verdict.writers_wait import WritersWait
from token_rotation.postgres.reading import reading
from token_rotation.reporting.compare_evidence import differences
from token_rotation.reporting.evidence_entry import make_entry
from token_rotation.reporting.report import make_report
from token_rotation.reporting.verify_evidence import looked_up
from token_rotation.run.aftermath import look_after
from token_rotation.schema import EnsureRotated, RowsPendingError
from token_rotation.schema.pending.none_retired import refusal
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

LEAKED = "leaked-to-somebody"
INSERT = "INSERT INTO {} (slug) VALUES ('" + LEAKED + "')"
INSERT_LINK = "INSERT INTO {} (id, name, slug) VALUES ({}, '', '" + LEAKED + "')"
SHORTLY = ("--wait-for-locks", "0")


@pytest.fixture(scope="module")
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


@pytest.fixture
def session(wishes: Any) -> Iterator[Callable[..., Any]]:
    """session() is a transaction of the application's in a session of its own."""
    opened: list[Any] = []

    def begin(**options: Any) -> Any:
        made = driver.connect(**{**connection.get_connection_params(), **options})
        opened.append(made)
        return made

    yield begin
    for each in opened:
        each.close()


@pytest.fixture
def alias(wishes: Any) -> Target:
    """Its column is not unique, and a row holds a leaked token, which no rotation means yet."""
    wishes.Alias.objects.create(slug=LEAKED)
    (target,) = find_targets("default", ["wishes.Alias"])
    return target


def run(*words: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    out = io.StringIO()
    try:
        call_command(*words, stdout=out, stderr=out)
    except SystemExit as error:
        return int(error.code or 0), out.getvalue()
    return 0, out.getvalue()


def rotate(*words: str) -> tuple[int, str]:
    return run("rotate_tokens", "wishes.Alias", "--issued-before", "now", *words)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def mend(target: Target) -> None:
    """Type what each problem says, in psql."""
    with reading(target.database) as look:
        problems = inspect(look, target).problems
    execute(*(problem.mend.rpartition("; in psql")[0] for problem in problems))


@pytest.fixture(params=["issued before now", "a child", "row security"])
def way_in(
    request: pytest.FixtureRequest, wishes: Any, session: Callable[..., Any]
) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """A transaction that stores a token that is leaked and not retired; what rotates its row."""
    writer = session()
    if request.param == "issued before now":
        wishes.Alias.objects.create(slug=LEAKED)
        writer.cursor().execute(INSERT.format("wishes_alias"))
        yield writer, ("wishes.Alias", "--issued-before", "now")
        return
    if request.param == "a child":
        execute("CREATE TABLE old_links () INHERITS (wishes_link)")
        mend(find_targets("default", ["wishes.Link"])[0])
        execute(INSERT_LINK.format("old_links", 1), "UPDATE old_links SET slug_rotated_at = NULL")
        writer.cursor().execute(INSERT_LINK.format("wishes_link", 2))
        yield writer, ("wishes.Link",)
        writer.close()
        execute("DROP TABLE old_links")
        return
    role = f"writer_{writer.info.backend_pid}"
    wishes.Alias.objects.create(slug=LEAKED)
    execute(
        "UPDATE wishes_alias SET slug_rotated_at = NULL",
        f"CREATE ROLE {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "CREATE POLICY few ON wishes_alias USING (slug_rotated_at IS NOT NULL) WITH CHECK (true)",
        "ALTER TABLE wishes_alias ENABLE ROW LEVEL SECURITY",
    )
    writer.cursor().execute(f"SET ROLE {role}; {INSERT.format('wishes_alias')}")
    yield writer, ("wishes.Alias",)
    writer.close()
    execute(
        "ALTER TABLE wishes_alias DISABLE ROW LEVEL SECURITY",
        "DROP POLICY few ON wishes_alias",
        f"DROP OWNED BY {role} CASCADE",
        f"DROP ROLE {role}",
    )


def test_a_write_that_stays_open_across_the_rotation_is_named_and_nothing_is_complete(
    way_in: tuple[Any, tuple[str, ...]],
) -> None:
    writer, words = way_in
    code, said = run("rotate_tokens", *words, *SHORTLY)
    assert code == 3
    assert f"pid {writer.info.backend_pid} (idle in transaction, transaction open " in said
    assert f"SELECT pg_terminate_backend({writer.info.backend_pid})" in said
    assert "that was not verified" in said
    assert LEAKED not in said
    writer.commit()
    code, said = run("rotate_tokens", words[0])
    assert code == 3
    assert "1 row has a token that was retired" in said


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_rotation_waits_for_the_write_and_finds_what_it_committed(
    alias: Target, session: Callable[..., Any], ends: str
) -> None:
    writer = session()
    writer.cursor().execute(INSERT.format("wishes_alias"))
    assert rotate(*SHORTLY)[0] == 3
    told: list[str] = []

    def end(event: Event) -> None:
        told.append(str(event))
        getattr(writer, ends)()

    after = look_after(
        alias,
        Result(),
        verdict_at_most_seconds=600.0,
        wait_for_locks_seconds=600.0,
        observe=end,
    )
    assert told[0].startswith(f"waiting: the table is written by pid {writer.info.backend_pid} (")
    assert (after.complete, after.retired_rows) == ((False, 1) if ends == "commit" else (True, 0))


def test_whoever_says_complete_says_so_only_once_the_write_has_ended(
    alias: Target,
    session: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for waits, name in ((HeapRead, "writers_at_most_seconds"), (WritersWait, "at_most_seconds")):
        monkeypatch.setitem(waits.__init__.__kwdefaults__, name, 0.1)
    leaked = tmp_path / "leaked.txt"
    leaked.write_text(f"{LEAKED}\n")
    writer = session()
    writer.cursor().execute(INSERT.format("wishes_alias"))
    rotate(*SHORTLY)
    pid = f"pid {writer.info.backend_pid} ("
    evidence = make_entry(alias, None, result=None)
    _, now = looked_up(alias, 60.0)
    report = make_report(alias, exact=False)
    said = [
        run("rotate_tokens", "wishes.Alias", "--report")[1],
        run("verify_tokens", "--retired", "wishes.Alias")[1],
        run("verify_tokens", str(leaked), "wishes.Alias", "--list-of", "tokens")[1],
        refusal(connection, "wishes_alias", "slug_rotated_at"),
        "\n".join(differences(evidence, now)),
    ]
    assert [pid in str(each) for each in said] == [True] * len(said)
    assert (report.complete, evidence["complete"]) == (False, False)
    assert str(report.next_command).endswith("--report when those transactions have ended")
    assert LEAKED not in str((said, evidence))
    writer.rollback()
    assert make_report(alias, exact=False).complete
    assert make_entry(alias, None, result=None)["complete"]
    assert refusal(connection, "wishes_alias", "slug_rotated_at") is None
    assert run("verify_tokens", "--retired", "wishes.Alias")[0] == 0
    assert run("verify_tokens", str(leaked), "wishes.Alias", "--list-of", "tokens")[0] == 0


def test_a_migration_does_not_go_on_while_the_write_is_open_nor_once_it_has_committed(
    alias: Target, session: Callable[..., Any]
) -> None:
    state = ProjectState.from_apps(apps)
    step = EnsureRotated("wishes.Alias", "slug_rotated_at")

    def migrate() -> None:
        with connection.schema_editor() as editor:
            step.database_forwards("wishes", editor, state, state)

    migrate()
    writer = session()
    writer.cursor().execute(INSERT.format("wishes_alias"))
    rotate(*SHORTLY)
    pid = writer.info.backend_pid
    with pytest.raises(RowsPendingError, match=rf"wishes.Alias: pid {pid} \(.*Then migrate again"):
        migrate()
    writer.commit()
    with pytest.raises(RowsPendingError, match="1 row with a token that was retired"):
        migrate()
    assert refusal(connection, "wishes_alias", "another_marker") is None
    execute("TRUNCATE wishes_alias")
    migrate()


def test_one_that_begins_during_the_read_is_waited_for_too(
    alias: Target, session: Callable[..., Any]
) -> None:
    writer = session()
    with reading("default") as look:
        read = HeapRead(
            look,
            alias,
            at_most_seconds=None,
            writers_at_most_seconds=0,
            on_pages=lambda *_: writer.cursor().execute(INSERT.format("wishes_alias")),
        )
        verdict = read.run()
    assert isinstance(verdict, Verdict)
    assert [each.pid for each in verdict.open_writers] == [writer.info.backend_pid]
    assert not verdict.nothing_pending


def test_later_writers_and_readers_are_not_waited_for(
    alias: Target, session: Callable[..., Any]
) -> None:
    first, later, reader = session(), session(), session()
    first.cursor().execute(INSERT.format("wishes_alias"))
    reader.cursor().execute("SELECT FROM wishes_alias FOR UPDATE")

    def change_places(_: Any) -> None:
        later.cursor().execute("INSERT INTO wishes_alias (slug) VALUES ('another')")
        first.rollback()

    with reading("default") as look:
        wait = WritersWait(look.rows, alias, at_most_seconds=600.0, on_wait=change_places)
        assert wait.run() == ()


def test_a_signal_ends_the_wait(alias: Target, session: Callable[..., Any]) -> None:
    writer, asked = session(), []
    writer.cursor().execute(INSERT.format("wishes_alias"))
    with reading("default") as look:
        (left,) = WritersWait(
            look.rows,
            alias,
            at_most_seconds=600.0,
            stopped=lambda: bool(asked),
            on_wait=asked.append,
        ).run()
    assert left.pid == writer.info.backend_pid


def test_a_transaction_that_is_prepared_meanwhile_is_waited_for_and_named(
    alias: Target, session: Callable[..., Any]
) -> None:
    writer, onlooker = session(), session()
    onlooker.autocommit = True
    if value(onlooker, "SHOW max_prepared_transactions") == "0":
        pytest.skip("the server takes no prepared transactions")
    writer.tpc_begin("it's one")
    writer.cursor().execute(INSERT.format("wishes_alias"))
    seen: list[Any] = []

    def prepare_first(writers: Any) -> None:
        if not seen:
            writer.tpc_prepare()
        seen.append(writers)

    try:
        with reading("default") as look:
            wait = WritersWait(look.rows, alias, at_most_seconds=0.5, on_wait=prepare_first)
            (left,) = wait.run()
        assert (left.pid, left.gid) == (None, "it's one")
        code, said = rotate(*SHORTLY)
        assert code == 3
        assert "the prepared transaction it's one has written to the table" in said
        assert "COMMIT PREPARED 'it''s one' or ROLLBACK PREPARED 'it''s one'" in said
    finally:
        writer.tpc_rollback()
    assert rotate()[0] == 0


def test_a_guard_that_issues_fresh_tokens_needs_no_wait(
    wishes: Any, session: Callable[..., Any]
) -> None:
    (target,) = find_targets("default", ["wishes.Pair.first"])
    writer = session()
    writer.cursor().execute("INSERT INTO wishes_pair DEFAULT VALUES")
    assert make_report(target, exact=False).complete
