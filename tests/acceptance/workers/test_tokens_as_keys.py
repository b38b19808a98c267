"""A rotation of keys that are tokens, spread over a worker: no range has a key for a bound."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis

from tests.support.authtoken import PENDING, VALID, adopt, authtoken_project, no_key_in
from tests.support.authtoken import rows as rows_of
from tests.support.celery_workers import QUEUES, RedisServer
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until
from tests.support.worker_site import NUMBERS

SETTINGS = """
OPERATIONS_CELERY_APP = "shop.celery.app"
CELERY_BROKER_URL = "{broker}"
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 700
CELERY_BROKER_TRANSPORT_OPTIONS = {{"visibility_timeout": 3600}}
CELERY_TASK_IGNORE_RESULT = True
"""
CELERY = """
from celery import Celery

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
ROWS = 25_000
RECORDS = "SELECT to_jsonb(each) FROM token_rotation_operation AS each"
BOUNDS = "SELECT input_data FROM token_rotation_operation WHERE operation_type = 'rotation.range'"
IS_FINISHED = (
    "SELECT count(*) FROM token_rotation_operation WHERE operation_type = 'rotation' "
    "AND status = 'finished'"
)


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return authtoken_project(tmp_path, database)


@pytest.fixture
def broker_url(broker: RedisServer, project: Project) -> str:
    url = f"{broker.url.removesuffix('/0')}/{next(NUMBERS)}"
    with (project.directory / "settings.py").open("a") as settings:
        settings.write(SETTINGS.format(broker=url))
    (project.directory / "shop" / "celery.py").write_text(CELERY)
    return url


@pytest.fixture
def worker(project: Project, broker_url: str) -> Iterator[Popen[str]]:
    assert broker_url
    queues = ("--queues", ",".join(QUEUES))
    options = ("--concurrency", "1", "--loglevel", "WARNING", "--without-mingle", *queues)
    process = project.start("-m", "celery", "--app", "shop.celery", "worker", *options)
    yield process
    process.kill()
    process.communicate()


def test_a_spread_rotation_replaces_every_key_and_tells_none(
    project: Project, tables: Any, broker_url: str, request: pytest.FixtureRequest
) -> None:
    adopt(project, tables, ROWS)
    said = project.run("rotate_tokens", "--async", "--traffic-budget-ms", "0", fails_with=3)
    ranges = rows_of(tables, BOUNDS)
    assert len(ranges) == 3
    with redis.Redis.from_url(broker_url) as client:
        queued = [client.lrange(key, 0, -1) for key in client.keys("operations-*")]
    assert sum(map(len, queued)) == 3
    process = request.getfixturevalue("worker")
    until(lambda: value(tables, IS_FINISHED) == 1, timeout_seconds=180, pause_seconds=0.2)
    assert (value(tables, PENDING), value(tables, VALID)) == (0, 0)
    said += project.run("rotate_tokens", "--report")
    process.terminate()
    logged = "".join(process.communicate(timeout=60))
    ever = {key for (key,) in rows_of(tables, "SELECT key FROM authtoken_token")}
    ever |= {key for (key,) in rows_of(tables, "SELECT key FROM leaked")}
    no_key_in(f"{said} {queued} {ranges} {rows_of(tables, RECORDS)} {logged}", ever)
