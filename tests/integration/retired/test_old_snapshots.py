"""A token that is retired after a transaction took its snapshot cannot come back in it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pytest
from django.db import models
from django.test.utils import isolate_apps

from tests.support import driver
from tests.support.leaked import value
from tests.support.waiting import until
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired

pytestmark = pytest.mark.server_versions

LEAKED = "leaked-to-somebody"
ISOLATED = ["REPEATABLE READ", "SERIALIZABLE"]
TABLE = (
    "CREATE TABLE device (id bigint PRIMARY KEY, note text, token text {unique},"
    " token_rotated_at timestamptz)"
)
INSERT = "INSERT INTO device (id, token) VALUES (%(id)s, %(token)s)"
STORED = "SELECT count(*) FROM device WHERE token = %s"
KEPT = "SELECT count(*) FROM token_rotation_retiredtoken"
RETIREMENTS = {
    "a rotation": "UPDATE device SET token = 'rotated', token_rotated_at = clock_timestamp()"
    " WHERE id = 1",
    "a DELETE": "DELETE FROM device WHERE id = 1",
    "a token taken away": "UPDATE device SET token = NULL WHERE id = 1",
}
RETIRE = "INSERT INTO token_rotation_retiredtoken VALUES (sha256(%(token)s), 'other.token', now())"
"""What the triggers of another table do, which may hold the same token."""

WISH = (
    "CASE WHEN set_config('token_rotation.wish', encode(sha256(convert_to("
    "device.id::text || ' ' || %(token)s, 'UTF8')), 'hex'), true) <> '' THEN %(token)s END"
)
INSERTS = {
    "INSERT": INSERT,
    "INSERT SELECT": "INSERT INTO device (id, token) SELECT n, %(token)s || n"
    " FROM generate_series(6, 8) AS n UNION ALL SELECT 9, %(token)s",
    "upsert": f"{INSERT} ON CONFLICT (id) DO UPDATE SET note = 'as written'",
    "INSERT or nothing": f"{INSERT} ON CONFLICT DO NOTHING",
    "a wish": f"UPDATE device SET token = {WISH} WHERE id = 2",
    "a token issued": "UPDATE device SET token = %(token)s WHERE id = 3",
}
CLAIMS = {
    "a claim of a rotation": "UPDATE device SET token = %(token)s,"
    " token_rotated_at = clock_timestamp() WHERE id = 2",
    "a write on a pending row": "UPDATE device SET token = %(token)s WHERE id = 4",
}
WRITES = [
    *(pytest.param("sent", write, id=name) for name, write in INSERTS.items()),
    *(
        pytest.param(accept, write, id=f"{name}, {accept}")
        for name, write in CLAIMS.items()
        for accept in ("sent", "fresh")
    ),
]


class Devices(NamedTuple):
    """Row 1 has the leaked token, 2 a token, 3 none; 4 is pending."""

    connection: Any
    connect: Callable[[], Any]

    def execute(self, statement: str, **values: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)

    def guard(self, accept: str, *, is_unique: bool = True) -> None:
        self.execute(TABLE.format(unique="UNIQUE" if is_unique else ""))
        for key, token in enumerate((LEAKED, "second", None, "fourth"), start=1):
            self.execute(INSERT, id=key, token=token)
        self.execute("UPDATE device SET token_rotated_at = now() WHERE id < 4")
        for trigger in [*guard(accept=accept), *keep_retired()]:
            self.execute(str(trigger.compile(declared(is_unique=is_unique)).install_sql))

    def is_stored(self, token: str = LEAKED) -> bool:
        return bool(value(self.connection, STORED, token))


def declared(*, is_unique: bool) -> type[models.Model]:
    with isolate_apps():

        class Device(models.Model):  # noqa: DJ008
            token = models.CharField(  # noqa: DJ001
                max_length=80, null=True, blank=True, unique=is_unique
            )
            token_rotated_at = models.DateTimeField(null=True)

            class Meta:
                app_label = "cases"
                db_table = "device"

    return Device


@pytest.fixture
def devices(database_url: str, connect: Callable[[str], Any]) -> Devices:
    return Devices(connect(database_url), lambda: connect(database_url))


@contextmanager
def begun(devices: Devices, isolation: str) -> Iterator[Any]:
    """A cursor in a transaction that has its snapshot."""
    with devices.connect().cursor() as cursor:
        cursor.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        cursor.execute("SELECT count(*) FROM device")
        yield cursor
        cursor.execute("ROLLBACK")


class Waiting:
    """A statement in a thread, which waits for another session's transaction."""

    def __init__(self, devices: Devices, cursor: Any, statement: str, values: Any) -> None:
        self.failed: driver.Error | None = None
        self._thread = threading.Thread(target=self._run, args=(cursor, statement, values))
        self._thread.start()
        pid = cursor.connection.info.backend_pid
        until(lambda: value(devices.connection, "SELECT cardinality(pg_blocking_pids(%s))", pid))

    def _run(self, cursor: Any, statement: str, values: Any) -> None:
        try:
            cursor.execute(statement, values)
        except driver.Error as error:
            self.failed = error

    def end(self) -> str | None:
        """The code of its error."""
        self._thread.join()
        return None if self.failed is None else driver.sqlstate_of(self.failed)


def values(key: int = 9, token: str = LEAKED) -> dict[str, Any]:
    return {"id": key, "token": token}


def refused(devices: Devices, write: str) -> None:
    """Tried again in a new transaction the write finds the retired token."""
    with suppress(driver.errors.CheckViolation):  # a wish and an INSERT fail
        devices.execute(write, **values())
    assert not devices.is_stored()


@pytest.mark.parametrize("isolation", ISOLATED)
@pytest.mark.parametrize(("accept", "write"), WRITES)
@pytest.mark.parametrize("retirement", ["a rotation", "a DELETE"])
def test_a_token_retired_after_the_snapshot_is_not_stored(
    devices: Devices, isolation: str, accept: str, write: str, retirement: str
) -> None:
    devices.guard(accept)
    with begun(devices, isolation) as writer:
        devices.execute(RETIREMENTS[retirement])
        with pytest.raises(driver.errors.SerializationFailure) as failed:
            writer.execute(write, values())
        assert LEAKED not in str(failed.value)
    refused(devices, write)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", *ISOLATED])
@pytest.mark.parametrize("write", INSERTS.values(), ids=INSERTS)
@pytest.mark.parametrize("retirement", RETIREMENTS)
def test_a_write_that_waits_for_a_retirement_does_not_store_the_token(
    devices: Devices, isolation: str, write: str, retirement: str
) -> None:
    devices.guard("sent")
    with begun(devices, "READ COMMITTED") as rotating, begun(devices, isolation) as writer:
        rotating.execute(RETIREMENTS[retirement])
        waiting = Waiting(devices, writer, write, values())
        rotating.execute("COMMIT")
        assert waiting.end() == "40001"
        assert LEAKED not in str(waiting.failed)
    refused(devices, write)


@pytest.mark.parametrize("isolation", ISOLATED)
@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_write_waits_for_a_retirement_in_another_table(
    devices: Devices, isolation: str, end: str
) -> None:
    devices.guard("sent")
    with begun(devices, "READ COMMITTED") as other, begun(devices, isolation) as writer:
        other.execute(RETIRE, {"token": b"new"})
        waiting = Waiting(devices, writer, INSERT, values(token="new"))
        other.execute(end)
        assert waiting.end() == ("40001" if end == "COMMIT" else None)
        writer.execute("COMMIT")
    assert devices.is_stored("new") == (end == "ROLLBACK")


@pytest.mark.parametrize("isolation", ISOLATED)
def test_a_token_that_is_new_is_stored_and_leaves_no_hash_and_no_lock(
    devices: Devices, isolation: str
) -> None:
    devices.guard("sent")
    with begun(devices, isolation) as writer:
        writer.execute(INSERTS["INSERT SELECT"], values(token="new"))
        devices.execute(RETIRE, token=b"new")  # another table's row had the same: it waits for none
        devices.execute("DELETE FROM token_rotation_retiredtoken")
        writer.execute("COMMIT")
    assert devices.is_stored("new")
    assert value(devices.connection, KEPT) == 0
    devices.execute("DELETE FROM device WHERE token = 'new'")
    with pytest.raises(driver.errors.CheckViolation, match="is retired"):
        devices.execute(INSERT, **values(token="new"))


@pytest.mark.parametrize("isolation", ISOLATED)
def test_the_own_retired_tokens_of_a_transaction_are_refused_too(
    devices: Devices, isolation: str
) -> None:
    devices.guard("sent")
    with begun(devices, isolation) as writer:
        writer.execute(RETIREMENTS["a rotation"])
        with pytest.raises(driver.errors.CheckViolation, match="is retired"):
            writer.execute(INSERT, values())


MAY_BE_HELD = {name: INSERTS[name] for name in ("INSERT", "upsert", "a wish", "a token issued")}
ASK = "UPDATE device SET token_rotated_at = NULL WHERE id = 1"


@pytest.mark.parametrize("isolation", ISOLATED)
@pytest.mark.parametrize("write", MAY_BE_HELD.values(), ids=MAY_BE_HELD)
def test_a_copy_of_a_row_that_became_pending_after_the_snapshot_is_refused(
    devices: Devices, isolation: str, write: str
) -> None:
    """Nothing but the row says so, and an old snapshot does not show it as it is."""
    devices.guard("sent", is_unique=False)
    with begun(devices, isolation) as writer:
        devices.execute(ASK)
        with pytest.raises(driver.errors.FeatureNotSupported, match="READ COMMITTED") as failed:
            writer.execute(write, values())
        assert LEAKED not in str(failed.value)
    assert value(devices.connection, STORED, LEAKED) == 1


@pytest.mark.parametrize("isolation", ISOLATED)
def test_a_column_that_is_not_unique_takes_absent_tokens_and_rotations_in_any_transaction(
    devices: Devices, isolation: str
) -> None:
    devices.guard("sent", is_unique=False)
    with begun(devices, isolation) as writer:
        writer.execute(INSERT, values(token=""))
        writer.execute(RETIREMENTS["a token taken away"])
        writer.execute(CLAIMS["a claim of a rotation"], values(token="rotated"))
        writer.execute("COMMIT")
    assert devices.is_stored("rotated")
