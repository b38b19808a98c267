"""What the guard does at the very moment that a marker names: its clock stands still here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from tests.support import driver
from token_rotation.triggers.guard import guard

BEGAN, NOW = "2026-01-01 10:00:00+00", "2026-01-01 10:00:05+00"
"""The start of every statement, and the clock."""

BEFORE_IT_BEGAN, LATER_THAN_IT_BEGAN = (
    "2026-01-01 09:59:59.999999+00",
    "2026-01-01 10:00:00.000001+00",
)
JUST_BEFORE, JUST_AFTER = "2026-01-01 10:00:04.999999+00", "2026-01-01 10:00:05.000001+00"
LONG_AGO, FUTURE = "2025-01-01 00:00:00+00", "2027-01-01 00:00:00+00"
WISH = (
    "SELECT set_config('token_rotation.wish', encode(sha256(convert_to('1 ' || 'sent', 'UTF8')),"
    " 'hex'), true)"
)
Row = tuple[str | None, str | None]


class Guarded:
    """One row behind a guard whose clock stands still."""

    def __init__(self, connection: Any, accept: str) -> None:
        self._connection = connection
        self._execute("SET TimeZone = 'UTC'")
        self._execute("CREATE TABLE device (id bigint, token text, token_rotated_at timestamptz);")
        for trigger in guard(accept=accept, fresh_token="'fresh'"):
            text = str(trigger.compile(_device()).install_sql)
            text = text.replace("clock_timestamp()", f"timestamptz '{NOW}'")
            text = text.replace("statement_timestamp()", f"timestamptz '{BEGAN}'")
            self._execute(text.replace("now()", f"timestamptz '{LONG_AGO}'"))

    def update(self, stored: Row, written: Row, *, is_wish: bool = False) -> Row:
        """The row after an UPDATE of it."""
        self._execute("SET session_replication_role = replica; DELETE FROM device")
        self._execute("INSERT INTO device VALUES (1, %s, %s)", stored)
        self._execute("RESET session_replication_role; BEGIN")
        if is_wish:
            self._execute(WISH)
        self._execute("UPDATE device SET token = %s, token_rotated_at = %s", written)
        self._execute("COMMIT")
        return self._row()

    def insert(self, written: Row) -> Row:
        self._execute("DELETE FROM device")
        self._execute("INSERT INTO device VALUES (1, %s, %s)", written)
        return self._row()

    def calls(self, stored: Row, written: Row) -> bool:
        """Return True if an UPDATE calls the function of the guard."""
        self._execute(
            "DO $$ BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger "
            "LANGUAGE plpgsql AS %L', (SELECT tgfoid::regproc FROM pg_trigger WHERE tgrelid = "
            "'device'::regclass AND tgtype = 19), 'BEGIN RAISE EXCEPTION USING ERRCODE = ''22000'';"
            " END'); END $$"  # 19: BEFORE UPDATE, for each row
        )
        try:
            self.update(stored, written)
        except driver.DataError:
            self._execute("ROLLBACK")
            return True
        return False

    def _row(self) -> Row:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT token, token_rotated_at::text FROM device")
            ((token, marker),) = cursor.fetchall()
            return token, marker

    def _execute(self, statement: str, values: Any = None) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)


def _device() -> type[models.Model]:
    with isolate_apps():

        class Device(models.Model):  # noqa: DJ008
            token = models.TextField(null=True, blank=True)  # noqa: DJ001
            token_rotated_at = models.DateTimeField(null=True)

            class Meta:
                app_label = "moments"
                db_table = "device"

    return Device


@pytest.fixture(params=["fresh", "sent"])
def accept(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def given(accept: str) -> str:
    """The token that a row has after ``sent`` was asked for."""
    return "fresh" if accept == "fresh" else "sent"


@pytest.fixture
def guarded(database_url: str, connect: Callable[[str], Any], accept: str) -> Guarded:
    return Guarded(connect(database_url), accept)


ROTATIONS = [
    # stored marker, written marker, whether that proves a rotation
    (None, BEGAN, True),
    (None, LATER_THAN_IT_BEGAN, True),
    (None, JUST_BEFORE, True),
    (None, NOW, True),
    (None, BEFORE_IT_BEGAN, False),
    (None, JUST_AFTER, False),
    (None, FUTURE, False),
    (None, "-infinity", False),
    (LONG_AGO, BEGAN, True),
    (LONG_AGO, NOW, True),
    (LONG_AGO, BEFORE_IT_BEGAN, False),
    (LONG_AGO, JUST_AFTER, False),
    (BEGAN, BEGAN, False),
    (BEGAN, LATER_THAN_IT_BEGAN, True),
    (JUST_BEFORE, NOW, True),
    (JUST_BEFORE, JUST_BEFORE, False),
    (NOW, NOW, False),
    (NOW, JUST_BEFORE, False),
    (FUTURE, NOW, False),
]


def test_a_rotation_is_dated_within_its_statement_and_after_the_stored_marker(
    guarded: Guarded,
) -> None:
    for stored, written, is_rotation in ROTATIONS:
        stays = ("sent", None) if stored is None else ("stored", stored)
        found = guarded.update(("stored", stored), ("sent", written))
        assert found == (("sent", written) if is_rotation else stays), (stored, written)


CLOCK = [
    # stored marker, marker that the guard gives
    (None, NOW),
    (LONG_AGO, NOW),
    ("-infinity", NOW),
    (JUST_BEFORE, NOW),
    (NOW, JUST_AFTER),
    (JUST_AFTER, NOW),
    (FUTURE, NOW),
    ("infinity", NOW),
]


def test_the_guard_dates_a_wish_later_than_a_marker_of_the_same_moment(
    guarded: Guarded, given: str
) -> None:
    for stored, marker in CLOCK:
        found = guarded.update(("stored", stored), ("sent", stored), is_wish=True)
        assert found == (given, marker), stored


def test_a_token_that_is_taken_away_is_dated_so_too(guarded: Guarded) -> None:
    for stored, marker in CLOCK:
        for absent in (None, ""):
            found = guarded.update(("stored", stored), (absent, stored))
            assert found == (absent, marker), stored


ISSUES = [
    # stored marker of a row without a token, written marker, whether the row gets one
    (None, None, True),
    (None, LONG_AGO, True),
    (None, JUST_BEFORE, True),
    (None, NOW, True),
    (None, JUST_AFTER, False),
    (None, "infinity", False),
    (None, "-infinity", False),
    (LONG_AGO, LONG_AGO, True),
    (LONG_AGO, None, False),
    (LONG_AGO, BEFORE_IT_BEGAN, False),
    (LONG_AGO, FUTURE, False),
    (NOW, NOW, True),
]


def test_a_token_is_issued_to_a_row_without_one_by_a_marker_that_is_the_row_s_or_past(
    guarded: Guarded, given: str
) -> None:
    for stored, written, is_issued in ISSUES:
        for absent in (None, ""):
            found = guarded.update((absent, stored), ("sent", written))
            issued = (given, JUST_AFTER if stored == NOW else NOW)
            assert found == (issued if is_issued else (absent, stored)), (stored, written)


MARKERS = [None, LONG_AGO, NOW, FUTURE]


def test_an_inserted_row_is_dated_by_the_clock(guarded: Guarded, given: str) -> None:
    for written in MARKERS:
        assert guarded.insert(("sent", written)) == (given, NOW)
        assert guarded.insert((None, written)) == (None, NOW)
        assert guarded.insert(("", written)) == ("", NOW)


def test_a_marker_alone_moves_only_to_null(guarded: Guarded) -> None:
    for stored in MARKERS:
        for written in MARKERS:
            kept = None if written is None else stored
            assert guarded.update(("stored", stored), ("stored", written)) == ("stored", kept)


def test_a_write_that_may_pass_calls_no_function_and_any_other_does(guarded: Guarded) -> None:
    for stored in MARKERS:
        for written in MARKERS:
            is_claim = written is not None and written != stored
            assert guarded.calls(("stored", stored), ("stored", written)) is is_claim
    for stored, written, is_rotation in ROTATIONS:
        assert guarded.calls(("stored", stored), ("sent", written)) is not is_rotation
    for absent in (None, ""):
        assert guarded.calls(("stored", LONG_AGO), (absent, NOW))
        assert guarded.calls((absent, LONG_AGO), ("sent", LONG_AGO))
        assert not guarded.calls((absent, LONG_AGO), (absent, LONG_AGO))
