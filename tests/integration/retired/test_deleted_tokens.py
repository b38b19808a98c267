"""The token of a deleted row is retired, unless the row is in another partition now."""

import threading
from collections.abc import Callable
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

COLUMNS = "id bigint, part int NOT NULL DEFAULT 1, token text, token_rotated_at timestamptz"
TABLES = {
    "unique": "CREATE TABLE device ({columns}, PRIMARY KEY (id), UNIQUE (token))",
    "plain": "CREATE TABLE device ({columns}, PRIMARY KEY (id))",
    "partitioned": "CREATE TABLE device ({columns}, PRIMARY KEY (id, part)) PARTITION BY LIST"
    " (part); CREATE TABLE device_1 PARTITION OF device FOR VALUES IN (1);"
    " CREATE TABLE device_2 PARTITION OF device FOR VALUES IN (2)",
}
KEPT = "SELECT count(*) FROM token_rotation_retiredtoken"
IS_KEPT = f"{KEPT} WHERE hash = sha256(convert_to(%s, 'UTF8')) AND source = 'device.token'"
INSERT = "INSERT INTO device (id, token) VALUES (%s, %s)"
DELETE = "DELETE FROM device WHERE id = %s"
ROTATE = (
    "UPDATE device SET token = md5(random()::text), token_rotated_at = clock_timestamp()"
    " WHERE id = %s"
)


class Devices(NamedTuple):
    connection: Any
    connect: Callable[[], Any]
    layout: str

    def execute(self, statement: str, *values: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)

    def leak(self, *tokens: str) -> None:
        """Pending rows, past every trigger; their keys count from 1."""
        self.execute("SET session_replication_role = replica")
        for key, token in enumerate(tokens, start=1):
            self.execute(INSERT, key, token)
        self.execute("RESET session_replication_role")

    def is_kept(self, token: str) -> bool:
        return bool(value(self.connection, IS_KEPT, token))


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


@pytest.fixture(params=TABLES)
def devices(
    request: pytest.FixtureRequest, database_url: str, connect: Callable[[str], Any]
) -> Devices:
    found = Devices(connect(database_url), lambda: connect(database_url), request.param)
    found.execute(TABLES[found.layout].format(columns=COLUMNS))
    model = declared(is_unique=found.layout == "unique")
    is_partitioned = found.layout == "partitioned"
    for trigger in [
        *guard(accept="sent", partitioned=is_partitioned),
        *keep_retired(partitioned=is_partitioned),
    ]:
        found.execute(str(trigger.compile(model).install_sql))
    return found


def test_a_leaked_token_of_a_deleted_row_is_refused_for_a_new_one(devices: Devices) -> None:
    devices.leak("leaked", "other")
    devices.execute(DELETE, 1)
    assert devices.is_kept("leaked")
    assert not devices.is_kept("other")
    for key in (1, 3):
        with pytest.raises(driver.errors.CheckViolation, match="retired"):
            devices.execute(INSERT, key, "leaked")
    assert value(devices.connection, "SELECT count(*) FROM device") == 1


def test_a_row_deleted_and_inserted_in_one_statement_is_refused_or_stays_pending(
    devices: Devices,
) -> None:
    devices.leak("leaked")
    again = (
        "WITH gone AS (DELETE FROM device RETURNING token, id)"
        " INSERT INTO device (id, token) SELECT id + %s, token FROM gone"
    )
    for more in (0, 1):
        if devices.layout == "partitioned" and more == 0:
            devices.execute(again, more)  # nothing tells it from a row that moves
        else:
            with pytest.raises(driver.Error, match="retired"):
                devices.execute(again, more)
        assert value(devices.connection, "SELECT token_rotated_at FROM device") is None


@pytest.mark.parametrize("devices", ["partitioned"], indirect=True)
def test_a_row_that_claims_a_rotation_when_it_is_inserted_again_did_not_move(
    devices: Devices,
) -> None:
    devices.leak("leaked")
    again = (
        "WITH gone AS (DELETE FROM device RETURNING token, id)"
        " INSERT INTO device (id, part, token, token_rotated_at)"
        " SELECT id, 2, token, now() FROM gone"
    )
    with pytest.raises(driver.Error, match="retired"):
        devices.execute(again)
    assert value(devices.connection, "SELECT token_rotated_at FROM device") is None


REFUSED = {
    "unique": (driver.errors.UniqueViolation, "token"),
    "plain": (driver.errors.CheckViolation, "is that of a pending row"),
    "partitioned": (driver.errors.CheckViolation, "is that of a pending row"),
}
WISH = (
    "UPDATE device SET token = CASE WHEN set_config('token_rotation.wish', encode(sha256("
    "convert_to(id::text || ' leaked', 'UTF8')), 'hex'), true) <> '' THEN 'leaked' END"
    " WHERE id = 2"
)
COPIES = {
    "an INSERT": "INSERT INTO device (id, token) SELECT 3, token FROM device WHERE id = 1",
    "a wish": WISH,
    "a wish, while the row moves": WISH.replace("SET ", "SET part = 2, "),
    "a token issued": "UPDATE device SET token = 'leaked' WHERE id = 4",
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_the_token_of_a_pending_row_is_refused_for_another_row(devices: Devices, copy: str) -> None:
    devices.leak("leaked", "other")
    devices.execute("INSERT INTO device (id, token) VALUES (4, NULL)")
    kind, words = REFUSED[devices.layout]
    with pytest.raises(kind, match=words):
        devices.execute(copy)
    stored = "SELECT count(*) FROM device WHERE token = 'leaked'"
    assert value(devices.connection, stored) == 1


def test_the_pending_row_itself_may_be_written_again(devices: Devices) -> None:
    devices.leak("leaked")
    devices.execute(f"{INSERT} ON CONFLICT DO NOTHING", 1, "leaked")
    assert value(devices.connection, "SELECT token_rotated_at FROM device") is None
    devices.execute("UPDATE device SET token_rotated_at = now(), token = 'rotated'")
    devices.execute(INSERT, 2, "chosen")
    assert value(devices.connection, "SELECT count(*) FROM device") == 2


@pytest.mark.parametrize("devices", ["plain"], indirect=True)
def test_a_token_of_a_row_that_is_not_pending_may_be_shared(devices: Devices) -> None:
    for key in (1, 2):
        devices.execute(INSERT, key, "shared")
    assert value(devices.connection, "SELECT count(*) FROM device WHERE token = 'shared'") == 2


def test_a_delete_that_is_rolled_back_retires_nothing(devices: Devices) -> None:
    devices.leak("leaked")
    devices.execute("BEGIN")
    devices.execute(DELETE, 1)
    devices.execute("ROLLBACK")
    assert not devices.is_kept("leaked")


def test_one_statement_may_delete_thousands_of_rows_and_absent_tokens_call_nothing(
    devices: Devices,
) -> None:
    devices.execute("SET session_replication_role = replica")
    devices.execute(
        "INSERT INTO device (id, token) SELECT n, 'leaked ' || n FROM generate_series(1, 5000) n"
    )
    devices.execute("INSERT INTO device (id, token) SELECT -n, NULL FROM generate_series(1, 50) n")
    devices.execute("RESET session_replication_role")
    with devices.connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) DELETE FROM device")
        (plan,) = cursor.fetchone()
    calls = [
        each["Calls"] for each in plan[0]["Triggers"] if "keep_deleted" in each["Trigger Name"]
    ]
    assert sum(calls) == value(devices.connection, KEPT) == 5000


@pytest.mark.parametrize("devices", ["partitioned"], indirect=True)
@pytest.mark.parametrize("marker", ["token_rotated_at", "NULL"])
def test_the_token_of_a_row_that_moves_is_not_retired_until_it_is_replaced_or_deleted(
    devices: Devices, marker: str
) -> None:
    devices.leak("leaked")
    devices.execute(INSERT, 2, "issued")
    devices.execute(f"UPDATE device SET part = 2, token_rotated_at = {marker}")
    assert value(devices.connection, "SELECT count(*) FROM device_2") == 2
    assert value(devices.connection, KEPT) == 0
    devices.execute("UPDATE device SET part = 1, token = NULL WHERE id = 1")
    assert devices.is_kept("leaked")
    devices.execute(DELETE, 2)
    assert devices.is_kept("issued")


@pytest.mark.parametrize("devices", ["unique"], indirect=True)
def test_an_insert_that_waits_while_the_row_is_deleted_fails_and_tried_again_is_refused(
    devices: Devices,
) -> None:
    devices.leak("leaked")
    deleter, writer = devices.connect(), devices.connect()
    failed: list[Any] = []

    def write() -> None:
        try:
            with writer.cursor() as cursor:
                cursor.execute(INSERT, (2, "leaked"))
        except driver.Error as error:
            failed.append(error)

    with deleter.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(DELETE, (1,))
    writing = threading.Thread(target=write)
    writing.start()
    pid = writer.info.backend_pid
    until(lambda: value(devices.connection, "SELECT cardinality(pg_blocking_pids(%s))", pid))
    deleter.cursor().execute("COMMIT")
    writing.join()
    write()
    assert [driver.sqlstate_of(error) for error in failed] == ["40001", "23514"]
    assert "leaked" not in "".join(map(str, failed))
    assert value(devices.connection, "SELECT count(*) FROM device") == 0


def test_after_a_rotation_a_deleted_rows_older_tokens_stay_retired(devices: Devices) -> None:
    devices.leak("leaked")
    devices.execute(ROTATE, 1)
    issued = value(devices.connection, "SELECT token FROM device")
    devices.execute(DELETE, 1)
    assert devices.is_kept("leaked")
    assert devices.is_kept(issued)
