"""The guard is looked for on every relation of the tree: children, partitions and theirs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import value
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target

pytestmark = pytest.mark.server_versions

PARTITIONED = """
ALTER TABLE tickets_ticket RENAME TO whole;
CREATE TABLE tickets_ticket (LIKE whole INCLUDING DEFAULTS, PRIMARY KEY (id))
    PARTITION BY RANGE (id);
DROP TABLE whole CASCADE;
CREATE INDEX ON tickets_ticket (id) WHERE token_rotated_at IS NULL;
CREATE TABLE low PARTITION OF tickets_ticket FOR VALUES FROM (0) TO (100);
CREATE TABLE high PARTITION OF tickets_ticket FOR VALUES FROM (100) TO (MAXVALUE)
    PARTITION BY RANGE (id);
CREATE TABLE "High one" PARTITION OF high FOR VALUES FROM (100) TO (200);
"""
INSERT = (
    "INSERT INTO {} (id, subject, status, created_at, token) VALUES ({}, 'x', 'open', now(), '{}')"
)
LEAKED = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def look(target: Target) -> Callable[..., GuardState]:
    def look(target: Target = target) -> GuardState:
        with reading(target.database) as connection:
            return inspect(connection, target)

    return look


@pytest.fixture
def child(tickets: Any) -> str:
    tickets.cursor().execute("CREATE TABLE archive () INHERITS (tickets_ticket)")
    return "archive"


@pytest.fixture
def partitioned(tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    from tickets.models import Ticket  # noqa: PLC0415  (after Django was set up)
    from token_rotation import guard  # noqa: PLC0415
    from token_rotation.targets.discovery import targets_of  # noqa: PLC0415

    monkeypatch.setattr(Ticket._meta, "triggers", guard(partitioned=True))
    tickets.cursor().execute(PARTITIONED)
    for trigger in guard(partitioned=True):
        tickets.cursor().execute(str(trigger.compile(Ticket).install_sql))
    (found,) = targets_of(Ticket, target.database)
    return replace(found, token_is_unique=False)


def codes(state: GuardState) -> list[str]:
    return [problem.code for problem in state.problems]


def mend(tickets: Any, state: GuardState) -> None:
    """Type what each problem says, in psql."""
    for problem in state.problems:
        tickets.cursor().execute(problem.mend.rpartition("; in psql")[0])


def takes_leaked_tokens(tickets: Any, table: str, key: int) -> bool:
    tickets.cursor().execute(INSERT.format(f'"{table}"', key, LEAKED))
    return bool(value(tickets, f'SELECT token = %s FROM "{table}" WHERE id = %s', LEAKED, key))


def test_a_child_without_a_guard_is_refused_by_name_with_the_statements_that_make_one(
    tickets: Any, child: str, look: Callable[..., GuardState]
) -> None:
    assert takes_leaked_tokens(tickets, child, 1)
    state = look()
    assert (codes(state), state.holds) == (["token_rotation.E003"] * 2, False)
    assert set(state.triggers.values()) == {"missing"}
    assert all(f"is missing on {child}" in problem.sentence for problem in state.problems)
    mend(tickets, state)
    state = look()
    assert (state.problems, state.warnings, state.holds) == ((), (), True)
    assert not takes_leaked_tokens(tickets, child, 2)


def test_a_childs_child_and_a_child_of_two_parents_count_once(
    tickets: Any, child: str, look: Callable[..., GuardState]
) -> None:
    tickets.cursor().execute("CREATE TABLE older () INHERITS (archive, tickets_ticket)")
    state = look()
    assert codes(state) == ["token_rotation.E003"] * 2
    assert all("is missing on archive, older" in each.sentence for each in state.problems)


def test_a_disabled_trigger_of_a_child_is_refused_and_its_mend_enables_it(
    tickets: Any, child: str, look: Callable[..., GuardState]
) -> None:
    mend(tickets, look())
    tickets.cursor().execute(f"ALTER TABLE {child} DISABLE TRIGGER USER")
    state = look()
    assert (codes(state), state.holds) == (["token_rotation.E004"] * 2, False)
    mend(tickets, state)
    assert look().holds


def test_a_childs_trigger_with_another_condition_is_refused_and_its_mend_makes_it_anew(
    tickets: Any, child: str, look: Callable[..., GuardState], target: Target
) -> None:
    mend(tickets, look())
    name = target.guard_triggers[1].name
    tickets.cursor().execute(
        f"DROP TRIGGER {name} ON {child}; CREATE TRIGGER {name} BEFORE UPDATE ON {child} "
        f"FOR EACH ROW WHEN (false) EXECUTE FUNCTION {name}()"
    )
    state = look()
    assert (codes(state), state.holds) == (["token_rotation.E030"], False)
    mend(tickets, state)
    assert look().holds


def test_partitions_have_the_guard_of_their_parent_and_so_do_new_ones(
    tickets: Any, partitioned: Target, look: Callable[..., GuardState]
) -> None:
    assert look(partitioned).holds
    tickets.cursor().execute(
        """
        CREATE TABLE higher PARTITION OF high FOR VALUES FROM (200) TO (300);
        CREATE TABLE loose (LIKE tickets_ticket INCLUDING DEFAULTS);
        ALTER TABLE high ATTACH PARTITION loose FOR VALUES FROM (300) TO (400);
        """
    )
    state = look(partitioned)
    assert (state.problems, state.warnings, state.holds) == ((), (), True)
    assert not takes_leaked_tokens(tickets, "higher", 200)
    assert not takes_leaked_tokens(tickets, "loose", 300)


@pytest.mark.parametrize("partition", ["low", "High one"])
@pytest.mark.parametrize("mode", ["DISABLE", "ENABLE REPLICA"])
def test_a_disabled_trigger_of_a_partition_is_refused_by_name(
    tickets: Any,
    partitioned: Target,
    look: Callable[..., GuardState],
    partition: str,
    mode: str,
) -> None:
    name = partitioned.guard_triggers[0].name
    tickets.cursor().execute(f'ALTER TABLE "{partition}" {mode} TRIGGER {name}')
    assert takes_leaked_tokens(tickets, partition, 1 if partition == "low" else 100)
    state = look(partitioned)
    assert (codes(state), state.holds) == (["token_rotation.E004"], False)
    assert partition in state.problems[0].sentence
    mend(tickets, state)
    assert look(partitioned).holds


def test_a_table_without_a_guard_names_itself_and_not_each_partition(
    tickets: Any, partitioned: Target, look: Callable[..., GuardState]
) -> None:
    name = partitioned.guard_triggers[0].name
    tickets.cursor().execute(f"DROP TRIGGER {name} ON tickets_ticket")
    state = look(partitioned)
    assert (codes(state), state.holds) == (["token_rotation.E003"], False)
    assert "is missing on tickets_ticket" in state.problems[0].sentence


def test_a_later_trigger_of_one_partition_is_refused_by_name(
    tickets: Any, partitioned: Target, look: Callable[..., GuardState]
) -> None:
    tickets.cursor().execute(
        """
        CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.token := md5(NEW.subject)::uuid; RETURN NEW; END $$;
        CREATE TRIGGER zz_legacy BEFORE INSERT ON low FOR EACH ROW EXECUTE FUNCTION legacy();
        """
    )
    state = look(partitioned)
    assert (codes(state), state.holds) == (["token_rotation.E031"], False)
    assert "zz_legacy on low" in state.problems[0].sentence
    mend(tickets, state)
    assert look(partitioned).holds


def test_a_later_trigger_of_all_partitions_is_named_once_with_a_mend_for_all(
    tickets: Any, partitioned: Target, look: Callable[..., GuardState]
) -> None:
    tickets.cursor().execute(
        """
        CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.token := md5(NEW.subject)::uuid; RETURN NEW; END $$;
        CREATE TRIGGER zz_legacy BEFORE INSERT ON tickets_ticket FOR EACH ROW
        EXECUTE FUNCTION legacy();
        """
    )
    state = look(partitioned)
    (problem,) = state.problems
    assert problem.code == "token_rotation.E031"
    assert "zz_legacy on tickets_ticket" in problem.sentence


def test_a_foreign_child_is_refused(tickets: Any, look: Callable[..., GuardState]) -> None:
    tickets.cursor().execute(
        """
        CREATE FOREIGN DATA WRAPPER nowhere;
        CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
        CREATE FOREIGN TABLE far () INHERITS (tickets_ticket) SERVER nowhere;
        """
    )
    state = look()
    assert "token_rotation.E034" in codes(state)
    assert not state.holds


def test_an_instead_rule_of_a_child_is_refused(
    tickets: Any, child: str, look: Callable[..., GuardState]
) -> None:
    mend(tickets, look())
    tickets.cursor().execute(f"CREATE RULE routed AS ON INSERT TO {child} DO INSTEAD NOTHING")
    state = look()
    assert (codes(state), state.holds) == (["token_rotation.E033"], False)
    assert f"on {child}" in state.problems[0].sentence
