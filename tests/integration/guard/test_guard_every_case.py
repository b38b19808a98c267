"""Every case of the truth table, played on a server, also on partitions and between them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import pytest
from django.db import models
from django.test.utils import isolate_apps

from tests.support import driver
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired
from token_rotation.triggers.truth_table.inserts import (
    Door,
    Insertion,
    Sent,
    insert_verdict_of,
    insertions,
)
from token_rotation.triggers.truth_table.moves import moved_verdict_of
from token_rotation.triggers.truth_table.update_cases import Case, updates
from token_rotation.triggers.truth_table.updates import verdict_of
from token_rotation.triggers.truth_table.words import (
    Accept,
    Change,
    Known,
    Marker,
    Stored,
    Token,
    Verdict,
    Written,
)

pytestmark = pytest.mark.server_versions

TABLES = {
    "plain": "CREATE TABLE device ({columns}, PRIMARY KEY (id))",
    "partitioned": "CREATE TABLE device ({columns}, PRIMARY KEY (id, part)) PARTITION BY LIST"
    " (part); CREATE TABLE device_1 PARTITION OF device FOR VALUES IN (1);"
    " CREATE TABLE device_2 PARTITION OF device FOR VALUES IN (2)",
}
COLUMNS = (
    "id bigint, part int NOT NULL DEFAULT 1, note text, token {type}, token_rotated_at timestamptz,"
    " checksum text"
)
STORE = (
    "INSERT INTO device (id, note, token, token_rotated_at, checksum)"
    " VALUES (%s, 'as stored', %s, %s, %s)"
)
# As Django sends it: the wish travels inside the statement.
WISH = (
    "CASE WHEN set_config('token_rotation.wish', encode(sha256(convert_to("
    "device.id::text || ' ' || CAST(%(token)s AS {type})::text, 'UTF8')), 'hex'), true) <> ''"
    " THEN CAST(%(token)s AS {type}) END"
)
UPDATE = (
    "UPDATE device SET note = 'as written', part = %(part)s, token = {token},"
    " token_rotated_at = {marker} WHERE id = %(id)s"
)
STORED = {
    Stored.PENDING: None,
    Stored.ROTATED: "2025-06-01 00:00:00+00",
    Stored.FUTURE: "2125-06-01 00:00:00+00",
    Stored.INFINITE: "infinity",
}
WRITTEN = {
    Written.NULL: None,
    Written.EARLIER: "2025-05-01 00:00:00+00",
    Written.BEFORE: "2025-07-01 00:00:00+00",
    Written.LATER: "clock_timestamp()",
    Written.FUTURE: "2125-07-01 00:00:00+00",
    Written.INFINITE: "infinity",
}
KNOWN = {
    Sent.RETIRED: Known.RETIRED,
    Sent.MISSED: Known.MISSED,
    Sent.HELD: Known.HELD,
    Sent.UNSURE: Known.UNSURE,
}
IN_STEP = "SELECT count(*) FROM device WHERE token::text <> '' AND checksum <> md5(token::text)"

REFUSALS = (
    driver.errors.CheckViolation,
    driver.errors.FeatureNotSupported,
    driver.errors.SerializationFailure,
)


class Layout(NamedTuple):
    """``absent`` is the stored absent token. With ``moves`` each UPDATE moves its row.

    A partitioned table that is declared to have unique tokens has no index of them.
    """

    table: str
    type: str
    absent: str | None
    moves: bool = False
    derives: bool = False
    is_unique: bool = False


LAYOUTS = {
    "a text that may be NULL": Layout("plain", "text", None),
    "a text that may be empty, and a derived column": Layout("plain", "text", "", derives=True),
    "a UUID that is unique": Layout("plain", "uuid", None, is_unique=True),
    "a partition": Layout("partitioned", "text", ""),
    "rows that move": Layout("partitioned", "text", None, moves=True),
    "unique tokens that move": Layout("partitioned", "text", None, moves=True, is_unique=True),
    "UUIDs that move, and a derived column": Layout(
        "partitioned", "uuid", None, moves=True, derives=True
    ),
}


class Guarded:
    """A table with the guard and the retired tokens, as one layout and ``accept`` declare them.

    Another session has ``other``.
    """

    def __init__(self, connection: Any, other: Any, layout: Layout, accept: Accept) -> None:
        self.connection = connection
        self.other = other
        self.layout = layout
        self.accept = accept
        self.execute("SET TimeZone = 'UTC'")
        self.execute(TABLES[layout.table].format(columns=COLUMNS.format(type=layout.type)))
        is_partitioned = layout.table == "partitioned"
        device = declared(layout.type, is_unique=layout.is_unique)
        if layout.is_unique and not is_partitioned:
            self.execute("CREATE UNIQUE INDEX ON device (token)")
        triggers = [
            *guard(
                accept=accept,
                derived={"checksum": "md5({token}::text)"} if layout.derives else None,
                partitioned=is_partitioned,
            ),
            *keep_retired(partitioned=is_partitioned),
        ]
        for trigger in triggers:
            self.execute(str(trigger.compile(device).install_sql))
        self.insert_guard = triggers[0].get_pgid(device)

    def execute(self, statement: str, values: Any = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)

    def rows(self, query: str, values: Any = None) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def store(self, key: int, token: str | None, marker: str | None) -> None:
        """A row exactly as given, past every trigger."""
        self.execute("SET session_replication_role = replica")
        self.execute(STORE, (key, token, marker, "of the stored token"))
        if token:
            self.execute("UPDATE device SET checksum = md5(%s) WHERE id = %s", (token, key))
        self.execute("RESET session_replication_role")

    def plays(self, known: Known) -> bool:
        """Whether this table has such tokens."""
        if known in {Known.HELD, Known.UNSURE}:
            return not self.layout.is_unique
        if known is Known.MISSED:
            return self.layout.is_unique or self.accept is Accept.FRESH
        return True

    @contextmanager
    def knowing(self, token: str | None, key: int, known: Known) -> Iterator[None]:
        """A transaction; what is known of a token was committed, or is while it is open."""
        if known is Known.HELD:
            self.store(key, token, None)
        if known is Known.RETIRED:
            self.retire(token)
        is_old = known in {Known.MISSED, Known.UNSURE}
        self.execute(f"BEGIN ISOLATION LEVEL {'REPEATABLE READ' if is_old else 'READ COMMITTED'}")
        self.execute("SELECT count(*) FROM device")
        if known is Known.MISSED:
            self.retire(token)
        yield
        self.execute("COMMIT")  # or a ROLLBACK, if a statement failed

    def retire(self, token: str | None) -> None:
        with self.other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO token_rotation_retiredtoken"
                " VALUES (sha256(convert_to(%s, 'UTF8')), 'x.y', now()) ON CONFLICT DO NOTHING",
                (token,),
            )

    def is_retired(self, token: str) -> bool:
        query = (
            "SELECT count(*) FROM token_rotation_retiredtoken"
            " WHERE hash = sha256(convert_to(%s, 'UTF8'))"
        )
        return bool(self.rows(query, (token,))[0][0])

    def attempt(self, statement: str, values: Any) -> str | None:
        """Carry a write out; the one message that its client gets, if any."""
        self.connection.notices.clear()
        try:
            self.execute(statement, values)
        except REFUSALS as error:
            return error.diag.message_primary
        notices = [notice.strip() for notice in self.connection.notices]
        assert len(notices) <= 1, notices
        if not notices:
            return None
        assert notices[0].startswith("WARNING:  ")
        return notices[0].removeprefix("WARNING:  ")

    def stored(self, key: int) -> tuple[str, str | None, str | None, bool]:
        """Note, token and marker, and whether the marker is the time of this test."""
        (row,) = self.rows(
            "SELECT note, token::text, token_rotated_at::text, coalesce(token_rotated_at BETWEEN"
            " clock_timestamp() - interval '15 minutes' AND clock_timestamp(), false)"
            " FROM device WHERE id = %s",
            (key,),
        )
        return row  # type: ignore[no-any-return]


def declared(kind: str, *, is_unique: bool) -> type[models.Model]:
    """A model for the table; the triggers take the columns from it."""
    field: models.Field[Any, Any] = models.UUIDField(null=True, unique=is_unique)
    if kind == "text":
        field = models.CharField(max_length=80, null=True, blank=True, unique=is_unique)
    with isolate_apps():

        class Device(models.Model):  # noqa: DJ008
            token = field
            token_rotated_at = models.DateTimeField(null=True)
            checksum = models.TextField(default="")

            class Meta:
                app_label = "cases"
                db_table = "device"

    return Device


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.param
    return found


@pytest.fixture(params=Accept, ids=lambda accept: f"accept {accept}")
def guarded(
    request: pytest.FixtureRequest,
    database_url: str,
    connect: Callable[[str], Any],
    layout: Layout,
) -> Guarded:
    return Guarded(connect(database_url), connect(database_url), layout, request.param)


def token(name: str, number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{name}{number}"))


def test_every_update(guarded: Guarded) -> None:
    cases = [
        case for case in updates() if case.accept is guarded.accept and guarded.plays(case.known)
    ]
    assert len(cases) > 150
    wrong = [
        line
        for number, case in enumerate(cases)
        for minus_infinity in ((False, True) if case.written is Written.INFINITE else (False,))
        for line in play(guarded, case, 2 * number + minus_infinity, minus_infinity=minus_infinity)
    ]
    assert wrong == []
    assert not guarded.is_retired("")
    if guarded.layout.derives:
        assert guarded.rows(IN_STEP) == [(0,)]


def play(guarded: Guarded, case: Case, key: int, *, minus_infinity: bool) -> Iterator[str]:
    absent = guarded.layout.absent
    before: str | None = token("stored", key)
    sent: str | None = token("sent", key)
    if case.change in {Change.BOTH_ABSENT, Change.ISSUED}:
        before = absent
    if case.change is Change.SAME:
        sent = before
    elif case.change in {Change.TAKEN_AWAY, Change.BOTH_ABSENT}:
        other = "" if absent is None and guarded.layout.type == "text" else None
        sent = other if key % 4 < 2 else absent
    marker = STORED[case.stored]
    guarded.store(key, before, marker)
    written = marker if case.written is Written.SAME else WRITTEN[case.written]
    written = "-infinity" if minus_infinity else written
    wish = WISH.format(type=guarded.layout.type)
    with guarded.knowing(sent, -key - 1, case.known):
        said = guarded.attempt(
            UPDATE.format(
                token=wish if case.asker.name == "WISH" else "%(token)s",
                marker=written if case.written is Written.LATER else "%(marker)s",
            ),
            {
                "id": key,
                "token": sent,
                "marker": written,
                "part": 2 if guarded.layout.moves else 1,
            },
        )
    expected = moved_verdict_of(case) if guarded.layout.moves else verdict_of(case)
    found = guarded.stored(key)
    if case.written is Written.LATER and found[3]:
        written = found[2]
    yield from compare(case, expected, (before, marker), (sent, written), found, said)
    kept = before and found[1] != before and not guarded.is_retired(before)
    if kept:
        yield f"{case}: the replaced token was not retired"


def compare(
    case: Case | Insertion,
    expected: Verdict,
    before: tuple[str | None, str | None],
    sent: tuple[str | None, str | None],
    found: tuple[str, str | None, str | None, bool],
    said: str | None,
) -> Iterator[str]:
    note, found_token, found_marker, is_of_now = found
    fails = expected.token is Token.NONE
    tokens = {
        Token.SENT: found_token == sent[0],
        Token.STORED: found_token == before[0],
        Token.NONE: found_token == before[0],
        Token.FRESH: bool(found_token) and found_token not in {sent[0], before[0]},
    }
    markers = {
        Marker.SENT: found_marker == sent[1],
        Marker.STORED: found_marker == before[1],
        Marker.NONE: found_marker == before[1],
        Marker.NULL: found_marker is None,
        Marker.CLOCK: is_of_now,
    }
    if note != ("as stored" if fails else "as written"):
        yield f"{case}: the other columns are {note}"
    if not tokens[expected.token]:
        yield f"{case}: the token is not {expected.token}"
    if not markers[expected.marker]:
        yield f"{case}: the marker {found_marker} is not {expected.marker}"
    if (said and re.sub(r"^device\w*: ", "", said)) != (expected.said and str(expected.said)):
        yield f"{case}: said {said}, not {expected.said}"


@pytest.mark.parametrize("marker", [None, "2025-06-01 00:00:00+00", "infinity"])
def test_every_insert(guarded: Guarded, marker: str | None) -> None:
    cases = [
        case
        for case in insertions()
        if case.accept is guarded.accept
        and case.door is not Door.MOVED  # played as UPDATEs
        and (case.sent is not Sent.FORBIDDEN_ABSENT)
        and guarded.plays(KNOWN.get(case.sent, Known.NEW))
    ]
    wrong = []
    for key, case in enumerate(cases):
        sent = guarded.layout.absent
        if case.sent is not Sent.ALLOWED_ABSENT:
            sent = token("sent", key)
        ignored = f"{{x,{guarded.insert_guard}}}" if case.door is Door.IGNORED else ""
        with guarded.knowing(sent, -key - 1, KNOWN.get(case.sent, Known.NEW)):
            guarded.execute("SELECT set_config('pgtrigger.ignore', %s, true)", (ignored,))
            said = guarded.attempt(
                "INSERT INTO device (id, note, token, token_rotated_at)"
                " VALUES (%s, 'as written', %s, %s)",
                (key, sent, marker),
            )
        expected = insert_verdict_of(case)
        if expected.token is Token.NONE:
            assert guarded.rows("SELECT FROM device WHERE id = %s", (key,)) == []
            assert said
            assert re.sub(r"^device\w*: ", "", said) == expected.said
            continue
        found = guarded.stored(key)
        wrong += compare(case, expected, (None, None), (sent, marker), found, said)
    assert wrong == []
    if guarded.layout.derives:
        assert guarded.rows(IN_STEP) == [(0,)]
