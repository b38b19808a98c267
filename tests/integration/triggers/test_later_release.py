"""A guard that a later release installed is told from a damaged one, by the migrations."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from token_rotation.distributed.ranges.work_range import _ensure_guarded
from token_rotation.errors import NotReadyError
from token_rotation.inspection import disk_migrations
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.metrics import collector
from token_rotation.metrics.readiness import failing_parts
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target

LATER = "INSERT INTO django_migrations (app, name, applied) VALUES ('{}', '0999_later', now())"
OLDER = "INSERT INTO django_migrations VALUES (0, 'tickets', '0000_squashed', now())"
REPLACED = (
    "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN NEW; END $$"
)


@pytest.fixture
def look(target: Target) -> Callable[[], GuardState]:
    def look() -> GuardState:
        with reading(target.database) as connection:
            return inspect(connection, target)

    return look


@pytest.fixture
def of_later(tickets: Any, target: Target) -> None:
    """Both triggers do something else, by a migration that this code has not."""
    for trigger in target.guard_triggers:
        tickets.cursor().execute(REPLACED.format(trigger.name))
    tickets.cursor().execute(LATER.format("tickets"))


def codes(state: GuardState) -> list[str]:
    return [problem.code[-4:] for problem in state.problems]


def test_what_a_later_release_installed_is_one_problem_and_no_advice_to_undo_it(
    of_later: None, look: Callable[[], GuardState]
) -> None:
    state = look()
    assert (codes(state), state.holds, state.intact) == (["E060"], False, False)
    assert (state.is_of_later_release, state.serves) == (True, True)
    assert str(state.problems[0]) == (
        "The guard of tickets_ticket (guard_insert, guard_update) is of a later release, which "
        "alone can tell whether it holds: the database has 1 migration that this code lacks, the "
        "first is tickets.0999_later. Run: the same command in the release that has "
        "tickets.0999_later"
    )


def test_beside_it_the_application_serves_and_ranges_of_a_rotation_go_on(
    of_later: None, target: Target
) -> None:
    assert failing_parts(target.database) == ()
    assert collector.read(target).is_guarded is None
    _ensure_guarded(target)


@pytest.mark.parametrize("name", ["guard_insert", "guard_update"])
def test_a_disabled_trigger_is_nobodys_release(
    of_later: None, tickets: Any, target: Target, look: Callable[[], GuardState], name: str
) -> None:
    (trigger,) = (each for each in target.guard_triggers if each.short_name == name)
    tickets.cursor().execute(f"ALTER TABLE tickets_ticket DISABLE TRIGGER {trigger.name}")
    state = look()
    assert (sorted(codes(state)), state.serves) == (["E004", "E060"], False)
    assert not state.is_of_later_release
    assert failing_parts(target.database) == ("guard",)
    assert collector.read(target).is_guarded is False
    with pytest.raises(NotReadyError, match="is disabled"):
        _ensure_guarded(target)


@pytest.mark.parametrize("app", ["tickets", "token_rotation"])
def test_a_trigger_that_a_later_release_has_no_more_is_of_it_too(
    tickets: Any, target: Target, look: Callable[[], GuardState], app: str
) -> None:
    tickets.cursor().execute(LATER.format(app))
    assert look().intact
    tickets.cursor().execute(f"DROP TRIGGER {target.guard_triggers[0].name} ON tickets_ticket")
    state = look()
    assert codes(state) == ["E060"]
    assert f"the first is {app}.0999_later" in state.problems[0].sentence


@pytest.mark.parametrize(
    "records",
    [
        "SELECT 1",
        LATER.format("auth"),
        OLDER,
        f"DELETE FROM django_migrations; {LATER.format('tickets')}",
        "DROP TABLE django_migrations",
    ],
    ids=["none", "of another app", "deleted after a squash", "nothing is known", "no records"],
)
def test_other_records_explain_no_damage(
    tickets: Any, target: Target, look: Callable[[], GuardState], records: str
) -> None:
    tickets.cursor().execute(REPLACED.format(target.guard_triggers[0].name))
    tickets.cursor().execute(records)
    state = look()
    assert (codes(state), state.serves, state.is_of_later_release) == (["E030"], False, False)


@pytest.fixture
def upgraded_under_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The files of the migrations are those of a release that this process cannot load."""

    def load(_: None) -> None:
        raise ImportError("cannot import name 'Later' from 'token_rotation.schema'")

    monkeypatch.setattr(disk_migrations, "MigrationLoader", load)
    disk_migrations.loaded_migrations.cache_clear()
    disk_migrations.disk_migrations.cache_clear()
    yield
    disk_migrations.loaded_migrations.cache_clear()
    disk_migrations.disk_migrations.cache_clear()


def test_migrations_that_cannot_be_loaded_any_more_are_one_sentence(
    upgraded_under_it: None, of_later: None, look: Callable[[], GuardState]
) -> None:
    with pytest.raises(NotReadyError, match="run the command again") as refused:
        look()
    assert "(ImportError)" in str(refused.value)
