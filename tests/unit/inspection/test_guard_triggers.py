"""What is wrong with a guard trigger is said once, with what mends it there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from token_rotation.inspection.triggers.guard_triggers import (
    GuardOnRelation,
    guard_on,
    outdated_triggers,
    trigger_problems,
    trigger_states,
)
from token_rotation.inspection.triggers.tree import FoundTrigger, Relation, Tree
from token_rotation.selection.target import GuardTrigger, Target
from token_rotation.selection.trigger_definition import FunctionDefinition, TriggerDefinition
from token_rotation.tokens.sources import SqlTokens

FUNCTION = FunctionDefinition("pgtrigger_update()", "BEGIN END", "plpgsql")
DEFINITION = TriggerDefinition(FUNCTION, "BEFORE", frozenset({"UPDATE"}), "ROW", "true")
UPDATE = GuardTrigger("g_update", "app.Key:guard_update", "digest", DEFINITION)
NEW = GuardTrigger("g_deleted", "app.Key:keep_deleted", "digest", DEFINITION, is_new=True)
ROOT = Relation(1, "app_key", "r", is_partition=False)
CHILDREN = [Relation(10 + n, f"child_{n}", "r", is_partition=False) for n in range(5)]
PARTITIONS = [Relation(20 + n, f"part_{n}", "r", is_partition=True) for n in range(5)]
TARGET = Target(
    label="app.Key",
    database="default",
    table="app_key",
    key_column="id",
    token_column="token",
    marker_column="rotated_at",
    token_source=SqlTokens("gen_random_uuid()"),
    token_is_unique=True,
    guard_triggers=(UPDATE,),
)
MIGRATE = "python manage.py migrate"
PGTRIGGER = "python manage.py pgtrigger"
REINSTALL = f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install app.Key:guard_update)"
THEN = (
    ". Then, because tokens written meanwhile may be leaked ones: "
    "python manage.py rotate_tokens --issued-before now"
)
CREATE = (
    "CREATE TRIGGER g_update BEFORE UPDATE ON {} FOR EACH ROW WHEN (true) "
    "EXECUTE FUNCTION pgtrigger_update()"
)


def on(
    relations: Sequence[Relation],
    state: str,
    *,
    trigger: GuardTrigger = UPDATE,
    is_outdated: bool = False,
) -> list[GuardOnRelation]:
    differences = ("its WHEN", "SET of its function") if state == "changed" else ()
    return [
        GuardOnRelation(trigger, each, each is ROOT, state, differences, is_outdated)
        for each in relations
    ]


def told(
    guards: Sequence[GuardOnRelation], later: Sequence[str] = ()
) -> list[tuple[str, str, str]]:
    found = trigger_problems(guards, TARGET, lambda: list(later))
    return [(each.code[-4:], each.sentence, each.mend) for each in found]


def names(*relations: Relation) -> str:
    return ", ".join(each.name for each in relations)


@pytest.mark.parametrize(
    ("state", "code", "says", "mend"),
    [
        ("missing", "E003", "guard_update is missing on app_key", REINSTALL),
        (
            "disabled",
            "E004",
            "guard_update is disabled on app_key",
            f"{PGTRIGGER} enable app.Key:guard_update",
        ),
        (
            "changed",
            "E030",
            (
                "guard_update on app_key does not do what the model says: its WHEN, SET of its "
                "function differs, so leaked tokens may come back"
            ),
            REINSTALL,
        ),
    ],
)
def test_on_the_table_itself_a_command_mends_it(
    state: str, code: str, says: str, mend: str
) -> None:
    assert told(on([ROOT], state)) == [(code, f"The guard trigger {says}", f"{mend}{THEN}")]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("state", "code", "says", "statement"),
    [
        ("missing", "E003", "guard_update is missing on {}", CREATE),
        (
            "disabled",
            "E004",
            "guard_update is disabled on {}",
            "ALTER TABLE {} ENABLE TRIGGER g_update",
        ),
        (
            "changed",
            "E030",
            (
                "guard_update on {} does not do what the model says: its WHEN, SET of its "
                "function differs, so leaked tokens may come back"
            ),
            "BEGIN; DROP TRIGGER g_update ON {}; " + CREATE + "; COMMIT",
        ),
    ],
)
def test_on_children_the_statement_names_the_first_and_counts_the_others(
    state: str, code: str, says: str, statement: str, number: int
) -> None:
    children = CHILDREN[:number]
    named = names(*children) if number <= 3 else f"{names(*children[:3])} and {number - 3} more"
    mend = f"{statement.replace('{}', 'child_0')}; in psql"
    mend += ", and the same for each of them" if number > 1 else ""
    problem = (code, f"The guard trigger {says.format(named)}", f"{mend}{THEN}")
    assert told(on(children, state)) == [problem]


def test_what_partitions_lack_is_told_of_the_parent_alone() -> None:
    assert told(on(PARTITIONS, "missing")) == []
    (missing,) = told([*on([ROOT], "missing"), *on(PARTITIONS, "missing")])
    assert missing[1] == "The guard trigger guard_update is missing on app_key"


def test_a_table_that_is_a_partition_of_another_lacks_its_own_trigger() -> None:
    root = replace(ROOT, is_partition=True)
    (problem,) = told([GuardOnRelation(UPDATE, root, is_root=True, state="missing")])
    assert problem[0] == "E003"


def test_partitions_may_be_disabled_one_by_one_and_are_changed_with_their_parent() -> None:
    (disabled,) = told(on(PARTITIONS[:1], "disabled"))
    assert disabled[2] == f"ALTER TABLE part_0 ENABLE TRIGGER g_update; in psql{THEN}"
    (changed,) = told(on(PARTITIONS[:2], "changed"))
    assert changed[2] == f"{REINSTALL}{THEN}"


def test_the_table_is_told_apart_from_its_children_and_one_state_from_another() -> None:
    other = replace(UPDATE, name="g_insert", uri="app.Key:guard_insert")
    guards = [
        *on([ROOT], "disabled"),
        *on(CHILDREN[:2], "disabled"),
        *on(CHILDREN[2:3], "missing"),
        *on(CHILDREN[3:], "enabled"),
        *on([ROOT], "missing", trigger=other),
    ]
    assert [(code, sentence.rpartition(" on ")[2]) for code, sentence, _ in told(guards)] == [
        ("E004", "app_key"),
        ("E004", "child_0, child_1"),
        ("E003", "child_2"),
        ("E003", "app_key"),
    ]


def test_a_later_release_explains_what_is_missing_or_changed_once_and_nothing_else() -> None:
    other = replace(UPDATE, name="g_insert", uri="app.Key:guard_insert")
    guards = [
        *on([ROOT, *CHILDREN[:1]], "changed"),
        *on([ROOT], "missing", trigger=other),
        *on(CHILDREN[:1], "disabled", trigger=other),
    ]
    later, disabled = told(guards, ["app.0002_one", "app.0003_two"])
    assert later == (
        "E060",
        (
            "The guard of app_key (guard_update, guard_insert) is of a later release, which alone "
            "can tell whether it holds: the database has 2 migrations that this code lacks, the "
            "first is app.0002_one"
        ),
        "the same command in the release that has app.0002_one",
    )
    assert disabled[0] == "E004"
    assert [each[0] for each in told(guards[-1:], ["app.0002_one"])] == ["E004"]


def test_what_is_enabled_or_dispensable_is_no_problem() -> None:
    assert told(on([ROOT, *CHILDREN], "enabled")) == []
    assert told(on([ROOT], "enabled", is_outdated=True)) == []
    assert told(on([ROOT, *CHILDREN], "missing", trigger=NEW, is_outdated=True)) == []
    assert len(told(on([ROOT], "disabled", is_outdated=True))) == 1


def test_the_worst_of_all_relations_is_the_state_of_a_trigger() -> None:
    states = ["missing", "disabled", "changed", "enabled"]
    for worst, state in enumerate(states):
        for better in states[worst:]:
            for both in ((state, better), (better, state)):
                guards = [*on([ROOT], both[0]), *on(CHILDREN[:1], both[1])]
                assert trigger_states(guards) == {UPDATE.uri: state}


def test_the_states_are_those_of_each_trigger_that_the_guard_needs() -> None:
    guards = [
        *on([ROOT], "enabled", is_outdated=True),
        *on([ROOT], "missing", trigger=NEW, is_outdated=True),
    ]
    assert trigger_states(guards) == {UPDATE.uri: "enabled"}
    guards += on(CHILDREN[:1], "disabled", trigger=NEW)
    assert trigger_states(guards) == {UPDATE.uri: "enabled", NEW.uri: "disabled"}


def test_a_trigger_of_an_earlier_release_is_a_warning_told_once() -> None:
    older = on([ROOT, *CHILDREN], "enabled", is_outdated=True)
    lacking = on([ROOT, *CHILDREN], "missing", trigger=NEW, is_outdated=True)
    both = list(outdated_triggers([*on([ROOT], "enabled"), *older, *lacking]))
    assert [(each.code, each.sentence, each.mend) for each in both] == [
        (
            "token_rotation.W002",
            "The guard trigger guard_update on app_key is not the one that the model describes",
            f"python manage.py makemigrations, and then: {REINSTALL}",
        ),
        (
            "token_rotation.W002",
            (
                "The guard trigger keep_deleted is missing on app_key, so that the tokens of "
                "deleted rows are not retired"
            ),
            (
                f"python manage.py makemigrations, and then: {MIGRATE} (if nothing is left to "
                "migrate: python manage.py pgtrigger install app.Key:keep_deleted)"
            ),
        ),
    ]
    assert list(outdated_triggers([*older[1:], *lacking[1:]])) == []
    assert list(outdated_triggers(on([ROOT], "missing"))) == []


class Differences:
    """Stands for a comparison with the declared definition."""

    def __init__(self, *differences: str, is_earlier: bool = False) -> None:
        self._differences = list(differences)
        self._is_earlier = is_earlier

    def differences(self, *_: object) -> list[str]:
        return self._differences

    def is_earlier(self, *_: object) -> bool:
        return self._is_earlier


def found(relation: Relation, mode: str = "O", comment: str | None = "digest") -> FoundTrigger:
    return FoundTrigger(
        relation, UPDATE.name, mode, 0, False, False, "", comment, None, 0, FUNCTION
    )


def state_of(
    triggers: Sequence[FoundTrigger],
    comparison: Differences | None = None,
    trigger: GuardTrigger = UPDATE,
) -> list[tuple[str, bool, bool, tuple[str, ...]]]:
    tree = Tree((ROOT, *CHILDREN[:2]), tuple(triggers), ())
    target = replace(TARGET, guard_triggers=(trigger,))
    compared: Any = comparison or Differences()
    guards = guard_on(tree, target, compared)
    assert [each.relation for each in guards] == list(tree.relations)
    return [(each.state, each.is_root, each.is_outdated, each.differences) for each in guards]


def test_a_trigger_is_looked_for_on_each_relation() -> None:
    assert state_of([found(ROOT), found(CHILDREN[1], mode="A")]) == [
        ("enabled", True, False, ()),
        ("missing", False, False, ()),
        ("enabled", False, False, ()),
    ]
    assert [each[2] for each in state_of([], trigger=NEW)] == [True] * 3


@pytest.mark.parametrize("mode", ["D", "R"])
def test_a_trigger_that_does_not_fire_is_disabled_whatever_it_does(mode: str) -> None:
    states = state_of([found(ROOT, mode)], Differences("its WHEN"))
    assert states[0] == ("disabled", True, False, ())


@pytest.mark.parametrize(
    ("comparison", "state", "is_outdated", "differences"),
    [
        (Differences(), "enabled", False, ()),
        (Differences(is_earlier=True), "enabled", False, ()),
        (Differences("its WHEN"), "changed", False, ("its WHEN",)),
        (Differences("its WHEN", is_earlier=True), "enabled", True, ()),
    ],
)
def test_a_trigger_that_differs_is_changed_or_that_of_an_earlier_release(
    comparison: Differences, state: str, *, is_outdated: bool, differences: tuple[str, ...]
) -> None:
    for is_root, relation in ((True, ROOT), (False, CHILDREN[0])):
        states = state_of([found(relation)], comparison)
        assert (state, is_root, is_outdated, differences) in states


def test_another_digest_makes_the_trigger_of_the_table_itself_outdated() -> None:
    others = [found(each, comment=None) for each in (ROOT, *CHILDREN[:2])]
    assert [each[2] for each in state_of(others)] == [True, False, False]
