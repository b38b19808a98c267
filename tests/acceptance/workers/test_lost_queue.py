"""Messages are lost while real workers rotate: the rotation goes on by itself."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.waiting import until
from tests.support.worker_site import Site
from token_rotation.operations.options import DEFAULTS
from token_rotation.operations.watching.resend import CONFIRMED_AFTER_SECONDS

ROWS = 40_000  # four ranges
# The looks of a test are traffic to give way to.
QUICKLY = ("--traffic-budget-ms", "0")
SLOWLY = (*QUICKLY, "--batch-rows", "200", "--pause-seconds", "0.05")

RANGES = "SELECT count(*) FROM token_rotation_operation WHERE operation_type = 'rotation.range'"
AT_WORK = RANGES + " AND status = 'running' AND progress_done > 0"
WAITING = RANGES + " AND status = 'unprocessed'"
LAST_DUE_IN_SECONDS = (
    "SELECT extract(epoch FROM max(send_again_at) - now())::float FROM token_rotation_operation"
    " WHERE operation_type = 'rotation.range' AND status = 'unprocessed'"
)
LOSSES = "SELECT sum((output_data->>'losses')::int) FROM token_rotation_operation"

DIE_BEFORE_SENDING = """
import os
from celery.signals import before_task_publish
from django.core.management import call_command

@before_task_publish.connect
def die(**_):
    os._exit(9)

call_command("rotate_tokens", "--async", "--traffic-budget-ms", "0")
"""


@pytest.fixture
def site(make_site: Callable[[], Site], tmp_path: Path) -> Iterator[Site]:
    """No worker yet; every process of it looks for lost messages often, if it looks."""
    site = make_site()
    site.env |= {
        "DJANGO_SETTINGS_MODULE": "tests.projects.worker_actions.settings",
        "TEST_MAIL_DIRECTORY": str(tmp_path / "mails"),
        "TEST_RESEND_SECONDS": "0.5",
    }
    leak(site.tickets, ROWS)
    yield site
    site.stop()


@pytest.fixture
def queue(site: Site) -> Iterator["redis.Redis[bytes]"]:
    with redis.Redis.from_url(site.broker_url) as client:
        yield client


def test_a_flushed_broker_costs_a_moment_and_nothing_is_rotated_twice(
    site: Site, queue: "redis.Redis[bytes]"
) -> None:
    """No periodic task runs here: the workers notice it themselves."""
    worker = site.worker(concurrency=2)
    site.until_ready()
    site.rotate("--async", *SLOWLY)
    until(lambda: value(site.tickets, AT_WORK) == 2)
    lost = value(site.tickets, WAITING)

    queue.flushall()

    output = site.until_finished()
    assert lost > 0
    assert (output["outcome"], output["rotated_rows"]) == ("complete", ROWS)
    assert_each_token_changed_once(site.tickets)
    assert worker.log().count("sent again:") >= 1
    assert worker.mails_about("sent again:")


def test_at_the_usual_interval_a_lost_queue_is_noticed_within_a_minute(
    site: Site, queue: "redis.Redis[bytes]"
) -> None:
    """The times are those that are stored; how busy this machine is changes none of them."""
    usual_seconds = DEFAULTS["OPERATIONS_RESEND_SECONDS"]
    site.env["TEST_RESEND_SECONDS"] = str(usual_seconds)
    worker = site.worker(concurrency=2)
    site.until_ready()
    site.rotate("--async", *SLOWLY)
    until(lambda: value(site.tickets, AT_WORK) == 2)

    queue.flushall()

    due_in_seconds = value(site.tickets, LAST_DUE_IN_SECONDS)
    assert 0 < due_in_seconds + usual_seconds + CONFIRMED_AFTER_SECONDS < 60
    assert site.until_finished()["outcome"] == "complete"
    assert worker.log().count("sent again:") >= 1
    assert_each_token_changed_once(site.tickets)


def test_a_worker_killed_with_a_flushed_broker_costs_its_lease(
    site: Site, queue: "redis.Redis[bytes]"
) -> None:
    doomed, _ = (site.worker() for _ in range(2))
    site.until_ready()
    site.rotate("--async", *SLOWLY)
    until(lambda: value(site.tickets, AT_WORK) == 2)

    doomed.kill()
    queue.flushall()

    output = site.until_finished()
    assert (output["outcome"], output["rotated_rows"]) == ("complete", ROWS)
    assert output["losses"] > 0
    assert_each_token_changed_once(site.tickets)


def test_a_handout_that_died_between_commit_and_sending_is_sent(site: Site) -> None:
    site.worker(concurrency=2)

    died = site.run(DIE_BEFORE_SENDING)

    assert died.returncode == 9
    assert value(site.tickets, RANGES) == 4
    assert site.until_finished()["outcome"] == "complete"
    assert_each_token_changed_once(site.tickets)


def test_one_lost_message_of_many_is_sent_again(site: Site, queue: "redis.Redis[bytes]") -> None:
    site.rotate("--async", *QUICKLY)
    (name,) = queue.keys("operations-default*")
    third = queue.lindex(name, 2)
    assert third is not None
    queue.lrem(name, 1, third)

    site.worker(concurrency=2)

    assert site.until_finished()["outcome"] == "complete"
    assert value(site.tickets, RANGES) == 4
    assert_each_token_changed_once(site.tickets)


def test_a_follower_sends_again_where_no_worker_does(
    site: Site, queue: "redis.Redis[bytes]"
) -> None:
    site.worker(concurrency=2, TEST_RESEND_SECONDS="1000")
    site.until_ready()
    site.rotate("--async", *SLOWLY)
    until(lambda: value(site.tickets, AT_WORK) == 2)
    queue.flushall()

    followed = site.rotate("--follow")

    assert followed.returncode == 0, followed.stderr
    assert_each_token_changed_once(site.tickets)


def test_a_follower_says_how_long_no_worker_was_there(site: Site) -> None:
    """And it sends nothing twice: the messages are in the queue."""
    site.rotate("--async")

    follower = site.start("--follow", "--progress", "lines")
    assert follower.stdout is not None
    line = until(lambda: "no worker" in (line := follower.stdout.readline()) and line)

    follower.send_signal(signal.SIGINT)
    follower.communicate(timeout=60)
    assert re.match(r"waiting: no worker has taken a task for \d+ s, ", line)
    assert site.holds() == value(site.tickets, RANGES) == 4


def test_report_and_stop_tell_that_no_worker_is_there(
    site: Site, queue: "redis.Redis[bytes]"
) -> None:
    site.rotate("--async")
    queue.flushall()

    report = site.rotate("--report")
    stopped = site.rotate("--stop")

    assert ", distributed: waiting for a worker since 2" in report.stdout
    assert stopped.stdout == "Ended 1 rotation, which no worker is at work on.\n"
    assert site.rotation("output_data")["outcome"] == "stopped"
