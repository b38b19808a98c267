"""What is done together on a table is done in one short transaction, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pgtrigger
import pytest
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.state import ProjectState, StateApps

from tests.support.held_table import UNTIL_SOMEBODY_WAITS
from tests.support.parcels import (
    TABLE,
    add_colour,
    apply,
    columns,
    read_in_open_transaction,
    unapply,
    value,
)
from token_rotation.postgres.ddl_locks import attempts
from token_rotation.postgres.ddl_locks.attempts import is_attempting
from token_rotation.schema import (
    AddFieldPolitely,
    AddTriggerPolitely,
    AlterFieldPolitely,
    ChangeRefusedError,
    LockNotGrantedError,
    OnTableOf,
    TogetherPolitely,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("short_patience"),
]

DEFAULT = "SELECT column_default FROM information_schema.columns WHERE column_name = 'colour'"


def add_size(**options: Any) -> AddFieldPolitely:
    return AddFieldPolitely("parcel", "size", models.IntegerField(null=True, **options))


def colour_and_default(*more: Any) -> TogetherPolitely:
    red = AlterFieldPolitely("parcel", "colour", models.TextField(null=True, db_default="red"))
    return TogetherPolitely([add_colour(), red, *more])


def test_all_of_it_is_done_and_undone(parcels: ProjectState) -> None:
    together = colour_and_default(add_size())
    after = apply(together, parcels)
    assert {"colour", "size"} <= columns()
    assert value(DEFAULT) == "'red'::text"
    unapply(together, after, parcels)
    assert columns() == {"id", "weight"}


@pytest.mark.parametrize("atomic", [True, False])
def test_an_error_in_the_last_leaves_nothing_of_the_first(
    parcels: ProjectState,
    atomic: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    value(f"INSERT INTO {TABLE} (weight) VALUES (1), (1) RETURNING id")
    unique = AlterFieldPolitely("parcel", "weight", models.IntegerField(null=True, unique=True))
    with pytest.raises(ChangeRefusedError, match=TABLE):
        apply(colour_and_default(unique), parcels, atomic=atomic)
    assert columns() == {"id", "weight"}


class Nowhere:
    """Routes no table to this database, as that of tenants does in the shared schema."""

    def allow_migrate(self, *_: Any, **__: Any) -> bool:
        return False


def test_a_table_that_the_router_keeps_away_is_not_locked(
    parcels: ProjectState, settings: Any
) -> None:
    settings.DATABASE_ROUTERS = [Nowhere()]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")
    after = apply(colour_and_default(), parcels)
    unapply(colour_and_default(), after, parcels)


def test_it_waits_for_its_lock_as_one(
    parcels: ProjectState, application: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in it waits once more: the table is locked then."""
    let_go = read_in_open_transaction(application)
    tried: list[bool] = []

    def attempt(*args: Any) -> bool:
        tried.append(attempt_once(*args))
        let_go()
        return tried[-1]

    attempt_once = attempts._attempt
    monkeypatch.setattr(attempts, "_attempt", attempt)
    apply(colour_and_default(add_size()), parcels)
    assert tried == [False, True]
    assert {"colour", "size"} <= columns()


def test_a_transaction_that_has_read_the_table_and_writes_to_it_is_not_ended_as_a_deadlock(
    parcels: ProjectState, application: BaseDatabaseWrapper, settings: Any
) -> None:
    """Triggers take a weaker lock than columns."""
    settings.TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS = 10_000
    let_go = read_in_open_transaction(application)
    trigger = pgtrigger.Trigger(
        name="nothing", when=pgtrigger.Before, operation=pgtrigger.Update, func="RETURN NEW;"
    )
    compiled = trigger.compile(parcels.apps.get_model("polite", "parcel"))
    together = TogetherPolitely([AddTriggerPolitely("parcel", compiled), add_colour()])

    def migrate() -> None:
        try:
            apply(together, parcels)
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        migrating = pool.submit(migrate)
        try:
            with application.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '10ms'")
                cursor.execute(UNTIL_SOMEBODY_WAITS.format(condition="true"))
                cursor.execute(f"INSERT INTO {TABLE} (weight) VALUES (1)")
        finally:
            let_go()
        migrating.result(60)
    assert "colour" in columns()


def test_a_table_that_stays_locked_is_named_once(
    parcels: ProjectState, application: BaseDatabaseWrapper, settings: Any
) -> None:
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 0.2
    read_in_open_transaction(application)
    with pytest.raises(LockNotGrantedError, match=f"^{TABLE}: no lock in 0.2 s"):
        apply(colour_and_default(), parcels)
    assert columns() == {"id", "weight"}


def test_the_models_are_worked_out_before_the_table_is_locked(
    parcels: ProjectState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another app's table, too."""
    locked_meanwhile: list[bool] = []
    render = StateApps.render_multiple

    def noted(apps: StateApps, *args: Any) -> None:
        locked_meanwhile.append(is_attempting())
        render(apps, *args)

    monkeypatch.setattr(StateApps, "render_multiple", noted)
    theirs = OnTableOf("polite", [add_size()])
    together = colour_and_default(theirs)
    after = apply(together, parcels)
    unapply(together, after, parcels)
    assert locked_meanwhile
    assert not any(locked_meanwhile)


def test_its_sql_can_be_seen(parcels: ProjectState) -> None:
    together = colour_and_default()
    after = parcels.clone()
    together.state_forwards("polite", after)
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        together.database_forwards("polite", editor, parcels, after)
    assert sum("ALTER TABLE" in line for line in editor.collected_sql) == 2
    assert columns() == {"id", "weight"}
