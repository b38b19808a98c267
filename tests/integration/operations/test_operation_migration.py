"""The table is made and dropped without making log-ins wait."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from tests.support.manage import Manage
from tests.support.waiting import until
from token_rotation.operations.record.migration_locks import lock_referenced_tables
from token_rotation.postgres.ddl_locks.attempts import LockNotGrantedError


@pytest.mark.parametrize("target", ["0001", "zero"])
def test_the_migration_does_not_stand_in_the_way_of_log_ins(
    target: str, make_database: Callable[..., str], connect: Callable[[str], Any], manage: Manage
) -> None:
    url = make_database()
    manage("migrate", "tickets", "0008", database_url=url).check_returncode()  # no later one stays
    if target != "zero":
        manage("migrate", "token_rotation_operations", "zero", database_url=url).check_returncode()
    holder, application = connect(url).cursor(), connect(url).cursor()
    holder.execute("BEGIN")
    holder.execute("UPDATE auth_user SET last_login = now() WHERE false")

    migrate = manage.start("migrate", "token_rotation_operations", target, database_url=url)
    until(lambda: attempts(application) > 1)
    # Queued behind a waiting LOCK TABLE this would fail.
    application.execute("SET lock_timeout = '2s'")
    application.execute("UPDATE auth_user SET last_login = now() WHERE false")
    assert migrate.poll() is None
    holder.execute("COMMIT")

    _, errors = migrate.communicate(timeout=60)
    assert migrate.returncode == 0, errors
    application.execute("SELECT to_regclass('token_rotation_operation') IS NULL")
    assert application.fetchone() == (target == "zero",)


@pytest.mark.django_db(transaction=True)
def test_who_holds_the_tables_for_too_long_is_named(settings: Any) -> None:
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 0.1
    holder = connection.copy()
    holder.set_autocommit(False)
    with holder.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET last_login = now() WHERE false")
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    lock = lock_referenced_tables("SHARE ROW EXCLUSIVE")
    with pytest.raises(LockNotGrantedError) as raised, connection.schema_editor() as editor:
        lock(apps, editor)
    assert str(raised.value).startswith("auth_user and django_content_type: no lock in 0.1 s")
    assert f"held by pid {pid} (idle in transaction" in str(raised.value)
    holder.rollback()
    with connection.schema_editor() as editor:
        lock(apps, editor)
    holder.close()


def attempts(cursor: Any) -> int:
    """How many sessions wait for, or have asked for, the lock on the users right now."""
    cursor.execute("SELECT count(*) FROM pg_locks WHERE relation = 'auth_user'::regclass")
    (locks,) = cursor.fetchone()
    return int(locks)
