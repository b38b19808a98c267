"""Who sees only a part of the table, or another table, is refused before anything is said."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from tests.support.leaked import leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.errors import NotReadyError, StatementError
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Verdict
from token_rotation.metrics.collector import read as read_metrics
from token_rotation.options import ListOptions
from token_rotation.postgres.reading import reading
from token_rotation.reporting.evidence_entry import make_entry
from token_rotation.reporting.report import make_report
from token_rotation.retired.kept import is_retired
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.targets.resolve import TOKENS, list_kinds
from token_rotation.verification.token_column import column_of
from token_rotation.verification.valid_tokens import verify, verify_list

pytestmark = pytest.mark.server_versions

HALF = (
    "CREATE POLICY half ON {table} USING (true);"
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
)


@pytest.fixture
def role(tickets: Any, target: Target) -> Iterator[str]:
    """The target's sessions have this role, which may do all that a rotation needs."""
    name = f"operator_{tickets.info.backend_pid}"
    tickets.cursor().execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'operator'; GRANT ALL ON ALL TABLES IN SCHEMA public "
        f"TO {name}; GRANT CREATE ON SCHEMA public TO {name}"
    )
    connections[target.database].settings_dict.update(USER=name, PASSWORD="operator")
    yield name
    connections[target.database].close()
    tickets.cursor().execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def look(target: Target) -> GuardState:
    with reading(target.database) as connection:
        return inspect(connection, target)


def found(target: Target) -> list[str]:
    return [problem.code.rpartition(".")[2] for problem in look(target).problems]


def test_hidden_rows_are_a_problem_that_names_policy_and_role(
    tickets: Any, target: Target, role: str
) -> None:
    leak(tickets, 10)
    assert found(target) == []
    tickets.cursor().execute(HALF.format(table="tickets_ticket"))
    (problem,) = look(target).problems
    assert problem.code == "token_rotation.E055"
    assert problem.sentence == (
        f"Row security hides rows of public.tickets_ticket from the role {role} (policy half)"
    )
    assert look(target).serves  # what a web server is asked
    assert not look(target).intact
    assert read_metrics(target).pending is None
    assert read_metrics(target).is_guarded
    assert problem.mend.startswith(f'ALTER ROLE "{role}" BYPASSRLS')
    tickets.cursor().execute(f"ALTER ROLE {role} BYPASSRLS")
    assert found(target) == []


def test_no_work_of_the_library_goes_on_with_hidden_rows(
    tickets: Any, target: Target, role: str, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(HALF.format(table="tickets_ticket"))
    with pytest.raises(NotReadyError, match="policy half"):
        make_report(target, exact=True)
    for work in (
        lambda: rotation().run(),
        lambda: make_entry(target, None, result=None),
        lambda: read(target),
        lambda: verified(target),
    ):
        with pytest.raises(StatementError, match=rf"the role {role} \(policy half\)"):
            work()
    assert pending(tickets) == 10


def verified(target: Target) -> Any:
    text = b"aaaaaaaa-0000-4000-8000-000000000000"
    leak_list = LeakList(io.BytesIO(text), "leaked.txt", list_kinds(target, TOKENS), TOKENS)
    with reading(target.database) as connection:
        return verify(connection, column_of(target), leak_list)


def read(target: Target) -> Any:
    with reading(target.database) as connection:
        return HeapRead(connection, target, at_most_seconds=None).run()


def test_a_retired_token_that_a_policy_hides_is_not_called_unknown(
    tickets: Any, target: Target, role: str
) -> None:
    assert not is_retired("x", database=target.database)
    tickets.cursor().execute(HALF.format(table="token_rotation_retiredtoken"))
    with pytest.raises(Exception, match="row-level security policy"):
        is_retired("x", database=target.database)


def test_the_look_up_of_a_retired_token_leaves_no_setting_behind(
    target: Target, django_assert_num_queries: Any
) -> None:
    from django.db import transaction  # noqa: PLC0415

    connection = connections[target.database]
    with django_assert_num_queries(1, connection=connection):
        is_retired("x", database=target.database)
    with transaction.atomic(using=target.database), connection.cursor() as cursor:
        is_retired("x", database=target.database)
        cursor.execute("SHOW row_security")
        assert cursor.fetchone() == ("on",)
    connection.close()


TREES = {
    "children": """
        CREATE TABLE child () INHERITS (tickets_ticket);
        INSERT INTO child SELECT * FROM tickets_ticket WHERE id > 5;
        DELETE FROM ONLY tickets_ticket WHERE id > 5;
        """,
    "partitions": """
        ALTER TABLE tickets_ticket RENAME TO flat;
        CREATE TABLE tickets_ticket (LIKE flat INCLUDING DEFAULTS) PARTITION BY RANGE (id);
        CREATE TABLE child PARTITION OF tickets_ticket FOR VALUES FROM (0) TO (100000);
        INSERT INTO tickets_ticket SELECT * FROM flat;
        DROP TABLE flat CASCADE;
        """,
}


@pytest.mark.parametrize("tree", list(TREES))
def test_rights_and_policies_of_children_hide_nothing_from_a_role_that_may_read_the_parent(
    tickets: Any, target: Target, role: str, tree: str
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(TREES[tree])
    tickets.cursor().execute(
        f"GRANT ALL ON tickets_ticket TO {role}; REVOKE ALL ON child FROM {role}"
    )
    tickets.cursor().execute(HALF.format(table="child"))
    verdict = read(target)
    assert isinstance(verdict, Verdict)
    assert (verdict.rows, verdict.pending) == (10, 10)


@pytest.mark.parametrize("tree", list(TREES))
def test_without_the_right_to_read_the_parent_the_role_is_named(
    tickets: Any, target: Target, role: str, tree: str
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(TREES[tree])
    tickets.cursor().execute(f"REVOKE ALL ON tickets_ticket FROM {role}")
    assert found(target)[-1:] == ["E056"]
    with pytest.raises(NotReadyError, match=f"The role {role} may not read public.tickets_ticket"):
        make_report(target, exact=True)


def test_a_part_on_another_server_is_refused(tickets: Any, target: Target) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(
        "CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;"
        "CREATE FOREIGN TABLE far_tickets () INHERITS (tickets_ticket) SERVER far"
    )
    assert "E034" in found(target)
    verdict = read(target)
    assert verdict.because == (
        "public.far_tickets is a foreign table, whose rows another server has"
    )


@pytest.fixture
def shadowed(tickets: Any, target: Target, role: str) -> str:
    """The name of the database, in which a schema that nobody searches has a table of that name."""
    leak(tickets, 10)
    tickets.cursor().execute(
        "CREATE SCHEMA shadow; CREATE TABLE shadow.tickets_ticket (LIKE tickets_ticket);"
        f"GRANT USAGE ON SCHEMA shadow TO {role}"
    )
    assert found(target) == []
    return str(tickets.info.dbname)


@pytest.mark.parametrize(
    ("setting", "who"),
    [
        ('ALTER DATABASE "{name}" SET search_path = public, shadow', "a session that has shadow"),
        ("CREATE ROLE {app}; ALTER ROLE {app} SET search_path = shadow", "the role {app}"),
        (
            (
                "CREATE ROLE {app} LOGIN; CREATE SCHEMA {app};"
                "CREATE TABLE {app}.tickets_ticket (LIKE tickets_ticket)"
            ),
            "the role {app}",
        ),
    ],
)
def test_a_name_that_means_another_table_to_others_is_refused(
    tickets: Any, target: Target, shadowed: str, setting: str, who: str
) -> None:
    app = f"app_{tickets.info.backend_pid}"
    tickets.cursor().execute(setting.format(name=shadowed, app=app))
    try:
        (problem,) = look(target).problems
        assert problem.code == "token_rotation.E057"
        assert "The name tickets_ticket means public.tickets_ticket here" in problem.sentence
        assert f".tickets_ticket for {who.format(app=app)}" in problem.sentence
        with pytest.raises(NotReadyError):
            make_report(target, exact=True)
    finally:
        if "ROLE" in setting:
            tickets.cursor().execute(f"DROP OWNED BY {app} CASCADE; DROP ROLE {app}")


def test_a_search_path_that_leads_the_operator_elsewhere_is_refused(
    tickets: Any, target: Target, role: str, shadowed: str
) -> None:
    set_path = f'ALTER ROLE {role} IN DATABASE "{shadowed}" SET search_path = shadow, public'
    tickets.cursor().execute(set_path)
    assert "E057" in found(target)


def test_a_command_in_a_tenants_schema_is_refused_where_it_means_another_table(
    tickets: Any, target: Target, list_verified: Callable[[], bool]
) -> None:
    """As under django-tenants: Django's connection has a schema, and the search_path of that."""
    leak(tickets, 10)
    tickets.cursor().execute(
        "CREATE SCHEMA tenant; CREATE TABLE tenant.tickets_ticket (LIKE tickets_ticket)"
    )
    django = connections[target.database]
    with django.cursor() as cursor:
        cursor.execute("SET search_path = tenant, public")
    assert "E064" not in found(target)
    vars(django)["schema_name"] = "tenant"

    (problem,) = look(target).problems

    assert problem.code == "token_rotation.E064"
    assert (
        "The name tickets_ticket means tenant.tickets_ticket in this tenant's schema, and "
        "public.tickets_ticket to the sessions of a rotation"
    ) in problem.sentence
    for refused in (lambda: make_report(target, exact=True), list_verified):
        with pytest.raises(NotReadyError, match=r"means tenant\.tickets_ticket in this tenant"):
            refused()
    with django.cursor() as cursor:
        cursor.execute("SET search_path = public")
    assert list_verified()


def test_a_list_is_looked_up_only_in_the_table_that_everybody_means(
    tickets: Any, target: Target, list_verified: Callable[[], bool]
) -> None:
    leak(tickets, 10)
    assert list_verified()
    tickets.cursor().execute(
        "CREATE SCHEMA ops; CREATE TABLE ops.tickets_ticket (LIKE tickets_ticket INCLUDING ALL);"
        f'ALTER DATABASE "{tickets.info.dbname}" SET search_path = ops, public'
    )
    with pytest.raises(NotReadyError, match=r"means ops\.tickets_ticket here and public\."):
        list_verified()
    assert "means ops.tickets_ticket here and public." in read(target).because


@pytest.fixture
def list_verified(target: Target, tmp_path: Path) -> Callable[[], bool]:
    """What verify_tokens FILE does."""
    file = tmp_path / "leaked.txt"
    file.write_text("token\naaaaaaaa-0000-4000-8000-000000000000\n")
    return lambda: verify_list([column_of(target)], ListOptions(str(file)), lambda _: None)


@pytest.mark.parametrize(
    ("kind", "called"),
    [("VIEW", "a view"), ("MATERIALIZED VIEW", "a materialized view"), ("", "a foreign table")],
)
def test_what_is_no_table_is_refused_in_one_line(
    tickets: Any, target: Target, list_verified: Callable[[], bool], kind: str, called: str
) -> None:
    tickets.cursor().execute("ALTER TABLE tickets_ticket RENAME TO stored")
    tickets.cursor().execute(
        f"CREATE {kind} tickets_ticket AS SELECT * FROM stored"
        if kind
        else "CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER far FOREIGN DATA WRAPPER "
        "elsewhere; CREATE FOREIGN TABLE tickets_ticket (id bigint, token uuid, "
        "token_rotated_at timestamptz) SERVER far"
    )
    line = f"The name tickets_ticket means public.tickets_ticket, which is {called} and not a table"
    (problem,) = look(target).problems
    assert (problem.code, problem.sentence) == ("token_rotation.E058", line)
    for work in (lambda: make_report(target, exact=True), list_verified):
        with pytest.raises(NotReadyError) as raised:
            work()
        assert len(raised.value.problems) == 1
        assert line in str(raised.value)
    assert read(target).because == line


def test_what_was_looked_at_is_named_with_its_schema(tickets: Any, target: Target) -> None:
    leak(tickets, 1)
    report = make_report(target, exact=True)
    assert isinstance(report.verdict, Verdict)
    assert [each.name for each in report.verdict.relations] == ["public.tickets_ticket"]


def test_an_outdated_collation_and_a_server_that_builds_broken_indexes_are_warned_of(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    from token_rotation.inspection.verdict import known_damage  # noqa: PLC0415

    assert look(target).warnings == ()
    version = value(tickets, "SELECT current_setting('server_version_num')::int")
    monkeypatch.setattr(known_damage, "BROKEN_CONCURRENT_BUILDS", range(version, version + 1))
    warnings = look(target).warnings
    assert {each.code for each in warnings} == {"token_rotation.W055"}
    assert any("tickets_ticket_pending" in each.mend for each in warnings)
    monkeypatch.undo()
    tickets.cursor().execute(
        "CREATE COLLATION old (provider = libc, locale = 'C.UTF-8');"
        "UPDATE pg_collation SET collversion = 'older' WHERE collname = 'old';"
        "ALTER TABLE tickets_ticket ALTER COLUMN subject TYPE text COLLATE old"
    )
    from dataclasses import replace  # noqa: PLC0415

    tickets.cursor().execute("CREATE INDEX by_subject ON tickets_ticket (subject)")
    by_text = replace(target, key_column="subject")
    if value(tickets, "SELECT pg_collation_actual_version('old'::regcollation) IS NOT NULL"):
        (warning,) = look(by_text).warnings
        assert warning.code == "token_rotation.W056"
        assert "REINDEX INDEX CONCURRENTLY by_subject" in warning.mend


def test_the_engine_still_rotates_as_a_role_that_owns_nothing(
    tickets: Any, target: Target, role: str, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(f"GRANT INSERT ON token_change TO {role}")
    assert rotation(vacuum_every_percent=0).run().outcome is Outcome.COMPLETE
