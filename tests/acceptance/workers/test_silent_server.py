"""Workers whose database server falls silent, or waits for a standby that is gone."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from tests.support.celery_workers import RedisServer, Worker
from tests.support.databases import DatabaseFactory
from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.manage import Manage
from tests.support.silent import own_cluster, server_stands_still, set_standby
from tests.support.waiting import until
from tests.support.worker_site import Site
from tickets.config.embedded.cluster import PostgresCluster

pytestmark = pytest.mark.server_versions

ROWS = 2_000
LIVE = "SELECT coalesce(string_agg(live_data::text, ''), '') FROM token_rotation_operation"
HAS_BEATEN = (
    "SELECT count(*) FROM token_rotation_operation "
    "WHERE operation_type = 'rotation.range' AND heartbeat_at > started_at"
)
STUCK = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF current_setting('application_name') = 'batch worker' THEN PERFORM pg_sleep(600); END IF;
RETURN NEW; END $$;
CREATE TRIGGER stuck BEFORE UPDATE ON token_rotation_operation
FOR EACH ROW EXECUTE FUNCTION be_stuck();
"""
PASSES = """
CREATE OR REPLACE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RETURN NEW; END $$
"""
IS_ASLEEP = "wait_event = 'PgSleep'"
ASLEEP = f"SELECT count(*) FROM pg_stat_activity WHERE {IS_ASLEEP}"


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    yield from own_cluster(request)


@pytest.fixture(scope="module")
def site(
    cluster: PostgresCluster,
    broker: RedisServer,
    manage: Manage,
    make_worker: Callable[..., Worker],
) -> Iterator[Site]:
    """A worker, and a server of its own. A silence of some seconds is too long for it."""
    url = DatabaseFactory(cluster.url(), manage).create("latest") + "&connect_timeout=2"
    connection = psycopg2.connect(url)
    connection.autocommit = True
    site = Site(url, broker, manage, make_worker, connection)
    site.worker(TEST_SILENT_SECONDS="3", TEST_RESEND_SECONDS="2")
    site.until_ready()
    yield site
    site.stop()


@pytest.fixture
def tickets(site: Site) -> Iterator[Any]:
    leak(site.tickets, ROWS)
    yield site.tickets
    set_standby(site.tickets, "")
    site.forget()


def test_workers_keep_their_records_though_a_standby_is_gone_and_batches_name_it(
    site: Site, tickets: Any
) -> None:
    set_standby(tickets, "ghost")
    handed_out = site.rotate("--async", "--batch-rows", "100")
    assert handed_out.returncode == 3, handed_out.stderr
    until(lambda: "COMMIT waits for a synchronous standby" in value(tickets, LIVE))
    assert value(tickets, HAS_BEATEN) == 1
    stopped = site.rotate("--stop")
    assert stopped.stdout == "Asked 1 running rotation to end after its batch.\n"
    set_standby(tickets, "")
    assert site.until_finished()["outcome"] in {"stopped", "complete"}  # the rest takes a moment
    assert site.rotate().returncode == 0
    assert_each_token_changed_once(tickets)


def test_a_worker_gives_up_a_server_that_stands_still_and_tries_again(
    site: Site, tickets: Any, cluster: PostgresCluster
) -> None:
    """It takes a range meanwhile, by Django's own connection."""
    with tickets.cursor() as cursor:
        cursor.execute(STUCK)
    site.rotate("--async")
    until(lambda: value(tickets, ASLEEP))
    errors = site.log().count("OperationalError")
    with server_stands_still(cluster):
        until(lambda: site.log().count("OperationalError") > errors)
    with tickets.cursor() as cursor:
        cursor.execute(PASSES)  # first: a worker may be at its next try already
        cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {IS_ASLEEP}")
        cursor.execute("DROP FUNCTION be_stuck() CASCADE")
    assert site.until_finished()["outcome"] == "complete"
    assert_each_token_changed_once(tickets)
