"""Whoever tries many links that open nothing has to wait; whoever reads a ticket never has to."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from limits import RateLimitItemPerSecond
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from tests.support.celery_workers import RedisServer
from tests.support.racing import at_once
from tickets.lookup_limit.limiter import REDIS_OPTIONS, REST_SECONDS, Limiter
from tickets.lookup_limit.models import FailureCount
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER_IN_JSON = {"accept": "application/json"}
WINDOW_SECONDS = 600


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def make(
    failures: int, uri: str = "database://", clock: Callable[[], float] | None = None
) -> Limiter:
    options = REDIS_OPTIONS if uri.startswith("redis:") else {}
    counts = FixedWindowRateLimiter(storage_from_string(uri, wrap_exceptions=True, **options))
    return Limiter(counts, RateLimitItemPerSecond(failures, WINDOW_SECONDS), clock or Clock())


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def site(served: None, settings: Any) -> Client:
    """A site that bears three failures; links are asked for from 203.0.113.7."""
    settings.LOOKUP_LIMIT_FAILURES = 3
    return Client(REMOTE_ADDR="203.0.113.7")


@pytest.fixture
def link() -> str:
    return f"/t/{Ticket.objects.create(subject='Invoice is missing').token}/"


def test_after_too_many_failures_every_link_gets_the_same_refusal(site: Client, link: str) -> None:
    wrong = [f"/t/{uuid4()}/", "/t/x/", f"/t/{uuid4()}"]
    assert [site.get(each).status_code for each in wrong] == [404] * 3

    refusals = [site.get(f"/t/{uuid4()}/"), site.get(link), site.post(link, {"status": "closed"})]

    assert [page.status_code for page in refusals] == [429] * 3
    assert len({page.content for page in refusals}) == 1
    assert all(1 <= int(page["Retry-After"]) <= WINDOW_SECONDS for page in refusals)
    assert {page["Cache-Control"] for page in refusals} == {"private, no-store"}
    assert Ticket.objects.get().status == "open"
    words = site.get(link, headers=ANSWER_IN_JSON)
    assert words.status_code == 429
    assert words.json()["error"] in refusals[0].content.decode()


def test_reading_never_counts_nor_do_pages_that_are_no_links(site: Client, link: str) -> None:
    for _ in range(10):
        assert site.get(link).status_code == 200
        assert site.post(link, {"status": "lost"}).status_code == 400
        assert site.put(link).status_code == 405
        assert site.get("/nowhere/").status_code == 404
    assert not FailureCount.objects.exists()
    assert [site.get("/t/x/").status_code for _ in range(4)] == [404, 404, 404, 429]


def test_clients_elsewhere_are_served(site: Client, link: str) -> None:
    for _ in range(5):
        site.get("/t/x/")

    assert site.get(link).status_code == 429
    assert site.get(link, REMOTE_ADDR="203.0.113.8").status_code == 200
    assert site.get("/t/x/", REMOTE_ADDR="203.0.113.8").status_code == 404


def test_another_address_in_a_header_is_of_no_use(site: Client, link: str) -> None:
    for number in range(5):
        site.get("/t/x/", headers={"x-forwarded-for": f"198.51.100.{number}"})
    assert site.get(link, headers={"x-forwarded-for": "198.51.100.9"}).status_code == 429


def test_without_an_address_to_be_trusted_nobody_is_refused(
    site: Client, settings: Any, link: str
) -> None:
    settings.TRUSTED_PROXIES = 1
    assert [site.get("/t/x/").status_code for _ in range(5)] == [404] * 5
    assert site.get(link).status_code == 200


def test_the_limit_can_be_switched_off(site: Client, settings: Any, link: str) -> None:
    settings.LOOKUP_LIMIT_FAILURES = 0
    assert [site.get("/t/x/").status_code for _ in range(5)] == [404] * 5
    assert site.get(link).status_code == 200


def test_of_failures_at_once_each_counts() -> None:
    limited = make(10)
    answers = at_once(60, lambda _: limited.failed("a"))

    assert answers.count(None) == 10
    assert all(each is None or 1 <= each <= WINDOW_SECONDS for each in answers)  # type: ignore[operator]
    assert FailureCount.objects.get().failures == 60


def test_a_new_window_begins_with_one_failure() -> None:
    limited = make(2)
    for _ in range(3):
        limited.failed("a")
    execute("UPDATE lookup_limit_failurecount SET expires_at = now() - interval '1 second'")

    assert [make(2).failed("a") for _ in range(3)] == [None, None, WINDOW_SECONDS]


def test_counts_of_windows_that_are_over_are_swept_away() -> None:
    make(5).failed("gone")
    execute("UPDATE lookup_limit_failurecount SET expires_at = now() - interval '1 second'")

    make(5).failed("new")

    (left,) = FailureCount.objects.all()
    assert "new" in left.key


def test_the_counts_cost_no_wal() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relpersistence FROM pg_class WHERE relname = %s", [FailureCount._meta.db_table]
        )
        assert cursor.fetchone() == ("u",)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.client.close()
    server.stop()


def storages_that_fail() -> list[Any]:
    return [pytest.param("database", id="database"), pytest.param("redis", id="redis")]


@pytest.mark.parametrize("kind", storages_that_fail())
def test_a_storage_that_fails_refuses_nobody_and_is_logged_once(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    if kind == "redis":
        server = request.getfixturevalue("redis_server")
        uri, fail, mend = server.url, server.stop, server.start
    else:
        uri = "database://"
        table = "lookup_limit_failurecount"
        fail = lambda: execute(f"ALTER TABLE {table} RENAME TO hidden")  # noqa: E731
        mend = lambda: execute(f"ALTER TABLE hidden RENAME TO {table}")  # noqa: E731
    limited, elsewhere = (make(2, uri, clock) for _ in range(2))
    assert [limited.failed("a") for _ in range(2)] == [None, None]

    fail()
    with caplog.at_level(logging.INFO, logger="tickets.lookup_limit"):
        for _ in range(3):
            assert limited.failed("a") is None
            clock.seconds += REST_SECONDS
        mend()
        assert limited.failed("b") is None
        refused = make(2, uri, clock)
        assert [refused.failed("c") for _ in range(3)][:2] == [None, None]
    assert refused.refused_seconds("c") is not None
    assert elsewhere.failed("c") is not None

    levels = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in levels] == ["ERROR", "WARNING", "WARNING", "WARNING"]
    assert "cannot be counted" in levels[0][1]
    assert "counted again" in levels[1][1]
    assert all("127.0.0.1" not in text and "SELECT" not in text for _, text in levels)


def test_a_storage_that_is_down_is_left_alone_for_a_while() -> None:
    clock = Clock()
    limited = make(2, "redis://127.0.0.1:1/0", clock)
    assert limited.failed("a") is None
    assert limited._ask_again_at == clock.seconds + REST_SECONDS


@pytest.mark.parametrize("uri", ["nowhere://", "redis://:secret@host:port/0"])
def test_a_storage_that_cannot_be_used_is_found_by_check(
    settings: Any, caplog: pytest.LogCaptureFixture, uri: str
) -> None:
    from tickets.lookup_limit.checks import check_storage  # noqa: PLC0415
    from tickets.lookup_limit.limiter import limiter  # noqa: PLC0415

    settings.LOOKUP_LIMIT_STORAGE = uri
    limiter.cache_clear()

    (error,) = check_storage()
    assert error.id == "lookup_limit.E001"
    assert limiter() is None
    assert "secret" not in caplog.text + str(error)
    limiter.cache_clear()
