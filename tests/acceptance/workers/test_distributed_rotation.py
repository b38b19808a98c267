"""A rotation distributed over real workers: what happens to them changes nothing in the end."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.celery_workers import RedisServer
from tests.support.disordered import PENDING, disorder
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.poison import ALLOW_UPDATES, POISONS, REFUSE_UPDATES
from tests.support.waiting import until
from tests.support.worker_site import ROTATION, Site
from token_rotation.operations.queue.celery_backend import RUN_OPERATION, WATCH_OPERATIONS
from token_rotation.operations.watching.troubles import WATCH

RANGES = "SELECT {} FROM token_rotation_operation WHERE operation_type = 'rotation.range'"
AT_WORK = RANGES.format("count(*)") + " AND status = 'running' AND progress_total > 0"

TABLE_BYTES = "SELECT pg_relation_size('tickets_ticket')"

ROWS = 20_000
SLOWLY = ("--batch-rows", "100", "--pause-seconds", "0.01")
FOR_LONG = ("--batch-rows", "50", "--pause-seconds", "0.1")
HAS_JUST_BEGUN = (
    RANGES.format("min(runner)")
    + " AND status = 'running' AND progress_total > 0 AND progress_done = 0"
    + " AND heartbeat_at > clock_timestamp() - interval '0.2 s'"
)

HANGS_UP = """
CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
CREATE TRIGGER hang_up BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = 15000) EXECUTE FUNCTION hang_up();
"""

LOSE_THE_BROKER = """
import redis
from celery.signals import before_task_publish
from django.conf import settings
from django.core.management import CommandError, call_command
from tests.support.waiting import until
from tests.support.worker_site import ROTATION, Site
from token_rotation.operations.models import BatchOperation

at_work = BatchOperation.objects.filter(status="running", progress_total__gt=0)
sent = []

@before_task_publish.connect
def lose_the_broker_at_the_second(**_):
    sent.append(1)
    if len(sent) == 2:
        until(at_work.of_type("rotation.range").exists)
        redis.Redis.from_url(settings.CELERY_BROKER_URL).shutdown(nosave=True)

try:
    call_command("rotate_tokens", "--async", "--batch-rows", "50", "--pause-seconds", "0.1")
except CommandError as error:
    print(error)
"""
FORGET = """
from dataclasses import asdict
from tests.support.racing import at_once
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.distributed.rounds.end import end_round

rotation = BatchOperation.objects.create_synchronous("rotation", input_data={
    "model": "tickets.Ticket", "database": "default", "distributed": True,
    "options": asdict(RotationOptions()),
})
"""
END = "print(at_once(10, lambda _: end_round(BatchOperation.objects.get(pk=rotation.pk), 0)))"
# The broker answers until the first range is sent.
LOSE_IT_AT_DISPATCH = """
import os
import signal
import redis
from celery.signals import before_task_publish
from django.conf import settings
from django.core.management import CommandError, call_command

broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
pid = broker.info()["process_id"]

@before_task_publish.connect
def lose_the_broker(**_):
    {}

call_command("rotate_tokens", "--async")
"""
FREEZE = "os.kill(pid, signal.SIGSTOP)"
REFUSE = 'broker.config_set("min-replicas-to-write", 1)'
ASK_AGAIN = """
CREATE FUNCTION ask_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = $1' USING NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER ask_again AFTER UPDATE ON tickets_ticket FOR EACH ROW
WHEN (NEW.id = 15000 AND NEW.token_rotated_at IS NOT NULL) EXECUTE FUNCTION ask_again();
"""
FINISHED_ROUNDS = (
    "SELECT count(*) FROM token_rotation_operation "
    f"WHERE operation_type = '{WATCH}' AND status = 'finished'"
)
ROUNDS = "SELECT array_agg(input_data->'round' ORDER BY id) FROM token_rotation_operation WHERE {}"


@pytest.fixture(scope="module")
def busy_site(make_site: Callable[[], Site]) -> Site:
    site = make_site()
    site.worker(concurrency=2)
    site.until_ready()
    return site


@pytest.fixture
def site(busy_site: Site) -> Iterator[Site]:
    """The shared one with two processes at work, 20,000 leaked tickets, and no records."""
    leak(busy_site.tickets, ROWS)
    yield busy_site
    busy_site.forget()


def test_200_000_rows_by_two_workers_one_of_them_killed(make_site: Callable[[], Site]) -> None:
    """All processes of one worker at once, so that nobody tells the broker that it is gone."""
    site = make_site()
    site.tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    workers = [site.worker(), site.worker()]
    leak(site.tickets, 200_000)
    bytes_before = value(site.tickets, TABLE_BYTES)
    site.until_ready()

    handed_out = site.rotate("--async", "--batch-rows", "1000", "--pause-seconds", "0.02")
    until(lambda: site.rotation("progress_done") > 25_000)
    runner = until(lambda: value(site.tickets, HAS_JUST_BEGUN))
    next(worker for worker in workers if worker.name in runner).kill()

    until(site.is_over_when_watched, pause_seconds=2, timeout_seconds=240)
    assert handed_out.returncode == 3
    assert_each_token_changed_once(site.tickets)
    output = site.until_finished()
    assert (site.rotation("result"), output["outcome"]) == ("successful", "complete")
    assert (output["rotated_rows"], site.rotation("progress_done")) == (200_000, 200_000)
    assert output["losses"] == 1
    assert output["rows_per_second"] == pytest.approx(200_000 / output["seconds"], rel=0.01)
    assert output["vacuums"] > 0
    assert value(site.tickets, TABLE_BYTES) < 1.6 * bytes_before


def test_a_killed_process_costs_nothing_and_its_rows_are_counted(site: Site) -> None:
    site.rotate("--async", *SLOWLY)
    until(lambda: value(site.tickets, AT_WORK) == 2)
    pid = value(site.tickets, RANGES.format("min(substring(runner from 'pid (.*)')::int)"))

    os.kill(pid, signal.SIGKILL)

    output = site.until_finished()
    assert_each_token_changed_once(site.tickets)
    assert (output["outcome"], output["rotated_rows"], output["losses"]) == ("complete", ROWS, 1)


def test_following_shows_all_workers_together_and_ends_with_them(site: Site) -> None:
    followed = site.rotate("--async", "--follow", "--progress", "json")

    assert followed.returncode == 0, followed.stderr
    lines = [json.loads(line) for line in followed.stdout.splitlines()]
    assert lines[0]["event"] == "handed_out"
    assert {line["event"] for line in lines[1:-1]} == {"ranges"}
    assert (lines[-1]["outcome"], lines[-1]["rotated_rows"]) == ("complete", ROWS)
    assert_each_token_changed_once(site.tickets)


def test_the_end_of_following_is_not_the_end_of_the_rotation(site: Site) -> None:
    site.rotate("--async", *FOR_LONG)
    follower = site.start("--follow", "--progress", "lines")
    assert follower.stdout is not None
    until(lambda: "at work" in follower.stdout.readline())

    follower.send_signal(signal.SIGINT)

    _, errors = follower.communicate(timeout=60)
    assert follower.returncode == 3
    assert "the workers go on" in errors
    until(lambda: site.rotation("progress_done") > 0)
    site.rotate("--stop")
    assert site.until_finished()["outcome"] == "stopped"
    assert "no workers rotate it now" in site.rotate("--follow").stdout


def test_a_pause_holds_for_all_workers_and_a_resume_lets_them_go_on(site: Site) -> None:
    site.rotate("--async", "--batch-rows", "100", "--pause-seconds", "0.1")
    until(lambda: site.rotation("progress_done") > 0)

    assert "Asked 1 running rotation to pause" in site.rotate("--pause").stdout

    waiting = RANGES.format("count(*)") + " AND status = 'running'"
    paused = waiting + " AND live_data->>'waiting_for' LIKE 'paused%'"
    until(lambda: 0 < value(site.tickets, waiting) == value(site.tickets, paused))
    left = pending(site.tickets)
    assert left > 0
    beat = RANGES.format("min(heartbeat_at)") + " AND status = 'running'"
    before = value(site.tickets, beat)
    until(lambda: value(site.tickets, beat) > before)
    assert pending(site.tickets) == left
    assert "Asked 1 running rotation to go on." in site.rotate("--resume").stdout
    output = site.until_finished()
    assert (output["outcome"], output["rotated_rows"]) == ("complete", ROWS)
    assert_each_token_changed_once(site.tickets)


def test_every_task_delivered_three_times_changes_nothing(site: Site) -> None:
    site.rotate("--async", *SLOWLY)
    numbers = (
        "SELECT array_agg(id) FROM token_rotation_operation WHERE operation_type <> 'rotation'"
    )
    for number in value(site.tickets, numbers) * 2:
        site.send(RUN_OPERATION, number)

    output = site.until_finished()
    for number in value(site.tickets, numbers) * 2:
        site.send(RUN_OPERATION, number)

    until(lambda: site.holds() == 0)
    assert_each_token_changed_once(site.tickets)
    assert output["rotated_rows"] == ROWS
    assert site.rotation("output_data") == output


def test_a_restart_of_redis_changes_nothing(site: Site, broker: RedisServer) -> None:
    site.rotate("--async", *SLOWLY)
    until(lambda: value(site.tickets, AT_WORK) == 2)

    broker.stop()
    broker.start()

    assert site.until_finished()["rotated_rows"] == ROWS
    assert_each_token_changed_once(site.tickets)


def test_a_broker_lost_while_ranges_are_handed_out_fails_the_rotation(
    site: Site, broker: RedisServer
) -> None:
    """When a worker has begun with the first range and the second cannot be sent any more."""
    refused = site.run(LOSE_THE_BROKER)

    broker.stop()
    broker.start()
    line = refused.stdout.splitlines()[-1]
    assert "cannot be reached" in line
    assert "Its workers stop; what they have rotated is safe." in line
    until(site.is_over_when_watched, pause_seconds=0.5)
    output = site.rotation("output_data")
    assert (site.rotation("result"), output["outcome"]) == ("failed", "error")
    assert "cannot be reached" in output["error"]["message"]
    assert 0 < output["rotated_rows"] == ROWS - pending(site.tickets) < ROWS


@pytest.mark.parametrize(
    ("fault", "wanted"), [(FREEZE, "Timeout reading from socket"), (REFUSE, "NOREPLICAS")]
)
def test_a_broker_that_fails_at_dispatch_is_one_clear_line(
    fault: str, wanted: str, make_site: Callable[[], Site], tmp_path: Path
) -> None:
    """The broker is this test's own: others' workers would lose their connections."""
    broker = RedisServer(tmp_path)
    pid = int(broker.client.info()["process_id"])
    site = make_site()
    site.env["CELERY_BROKER_URL"] = broker.url
    leak(site.tickets, ROWS)

    try:
        refused = site.run(LOSE_IT_AT_DISPATCH.format(fault))
    finally:
        os.kill(pid, signal.SIGCONT)
        broker.client.close()
        broker.stop()

    assert refused.returncode == 1
    logged, line = refused.stderr.strip().splitlines()
    assert "ERROR operation" in logged
    assert line.startswith("CommandError: the Celery broker redis://")
    assert wanted in line
    assert "To go on without them: python manage.py rotate_tokens" in line
    assert site.rotation("result") == "failed"
    assert pending(site.tickets) == ROWS


def test_stop_stops_all_workers_and_a_later_run_goes_on(site: Site) -> None:
    site.rotate("--async", *FOR_LONG)
    until(lambda: value(site.tickets, AT_WORK) == 2)

    stopped = site.rotate("--stop")

    assert stopped.stdout in (
        "Asked 1 running rotation to end after its batch.\n",
        "Ended 1 rotation, which no worker is at work on.\n",  # they heard it before the answer
    )
    output = site.until_finished()
    assert (site.rotation("result"), output["outcome"]) == ("successful", "stopped")
    assert 0 < output["rotated_rows"] == ROWS - pending(site.tickets) < ROWS
    assert site.rotate().returncode == 0
    assert_each_token_changed_once(site.tickets)


def test_without_a_worker_stop_ends_it_at_once(site: Site) -> None:
    nobody_listens = {"CELERY_BROKER_URL": site.broker_url.rpartition("/")[0] + "/15"}
    site.rotate("--async", env=nobody_listens)

    site.rotate("--stop", env=nobody_listens)

    assert site.rotation("output_data")["outcome"] == "stopped"
    assert value(site.tickets, RANGES.format("count(*)")) == 0


def test_rows_that_stay_locked_end_it_with_their_holder_named(
    site: Site, connect: Callable[[str], Any]
) -> None:
    holder = connect(site.database_url)
    holder.autocommit = False
    holder.cursor().execute("SELECT FROM tickets_ticket WHERE id = 77 FOR UPDATE")

    followed = site.rotate("--async", "--follow", "--wait-for-locks", "0.5")

    holder.rollback()
    assert followed.returncode == 3
    assert f"pid {holder.info.backend_pid}" in followed.stdout
    output = site.rotation("output_data")
    assert (output["outcome"], output["rotated_rows"]) == ("rows_locked", ROWS - 1)
    assert site.rotate().returncode == 0
    assert_each_token_changed_once(site.tickets)


@pytest.mark.parametrize("kind", ["a trigger that raises", "a trigger at COMMIT"])
def test_a_refused_row_is_named_and_stops_no_range(site: Site, kind: str) -> None:
    poison = POISONS[kind]
    site.tickets.cursor().execute(poison.made_by.format(id=15_000))
    try:
        followed = site.rotate("--async", "--follow")
    finally:
        site.tickets.cursor().execute(poison.mended_by)

    assert followed.returncode == 3, followed.stderr
    assert pending(site.tickets) == 1
    said = followed.stdout.splitlines()[-1]
    assert "PostgreSQL refused to change 1 row (id 15000: RaiseException (P0001)" in said
    assert said.endswith(
        "Mend those rows or what refuses them, then: python manage.py rotate_tokens"
    )
    output = site.rotation("output_data")
    assert (output["outcome"], output["rotated_rows"]) == ("rows_refused", ROWS - 1)
    assert [each["name"] for each in output["refused"]["named"]] == ["id 15000"]
    assert output["rounds"] == 2
    assert site.rotation("result") == "successful"
    report = site.rotate("--report")
    assert "rows refused" in report.stdout
    assert "id 15000" in report.stdout
    again = site.rotate("--async", "--follow")
    assert again.returncode == 0
    assert_each_token_changed_once(site.tickets)


def test_a_row_that_ends_each_connection_is_named_and_stops_no_range(site: Site) -> None:
    site.tickets.cursor().execute(HANGS_UP)
    try:
        followed = site.rotate("--async", "--follow", "--retry-seconds", "1")
    finally:
        site.tickets.cursor().execute("DROP FUNCTION hang_up CASCADE")

    assert followed.returncode == 3, followed.stderr
    assert pending(site.tickets) == 1
    said = followed.stdout.splitlines()[-1]
    assert "PostgreSQL refused to change 1 row (id 15000: 3 connections were lost at it" in said
    assert site.rotation("output_data")["outcome"] == "rows_refused"
    assert site.rotate("--async", "--follow").returncode == 0
    assert_each_token_changed_once(site.tickets)


def test_people_are_told_once_of_rows_that_were_refused_or_not_tried(site: Site) -> None:
    poison = POISONS["a trigger that raises"]
    site.tickets.cursor().execute(
        poison.made_by.format(id=0).replace("OLD.id = 0", "OLD.id IS NOT NULL")
    )
    try:
        site.rotate("--async", "--follow")
    finally:
        site.tickets.cursor().execute(poison.mended_by)
    number = site.rotation("id")

    for expected in (1, 2):
        site.send(WATCH_OPERATIONS)
        until(lambda rounds=expected: value(site.tickets, FINISHED_ROUNDS) == rounds)

    (mail,) = site.mails_about("operations need a look")
    told = " ".join(mail.split())
    assert f"unfinished: operation {number} (rotation): PostgreSQL refused to change" in told
    assert "(id 1" in told
    assert "RaiseException (P0001): function poison line 1" in told
    assert "Too many in a row were refused, so that not every row was tried" in told
    tokens = value(site.tickets, "SELECT array_agg(token::text) FROM tickets_ticket")
    assert not [token for token in tokens if token in told]


def test_people_are_told_once_of_rows_that_stayed_locked(
    site: Site, connect: Callable[[str], Any]
) -> None:
    holder = connect(site.database_url)
    holder.autocommit = False
    holder.cursor().execute("SELECT FROM tickets_ticket WHERE id = 77 FOR UPDATE")
    site.rotate("--async", "--follow", "--wait-for-locks", "0.1")
    holder.rollback()

    for expected in (1, 2):
        site.send(WATCH_OPERATIONS)
        until(lambda rounds=expected: value(site.tickets, FINISHED_ROUNDS) == rounds)

    mails = [" ".join(mail.split()) for mail in site.mails_about("operations need a look")]
    (told,) = (mail for mail in mails if "rows stayed locked" in mail)  # a busy machine tells more
    pid = holder.info.backend_pid
    assert f"(rotation): 1 row: rows stayed locked by others: pid {pid} (" in told


def test_where_every_row_is_refused_the_rounds_end(site: Site) -> None:
    poison = POISONS["a trigger that raises"]
    site.tickets.cursor().execute(
        poison.made_by.format(id=0).replace("OLD.id = 0", "OLD.id IS NOT NULL")
    )
    try:
        followed = site.rotate("--async", "--follow")
    finally:
        site.tickets.cursor().execute(poison.mended_by)

    assert followed.returncode == 3, followed.stderr
    output = site.rotation("output_data")
    assert (output["outcome"], output["rotated_rows"], output["rounds"]) == ("rows_refused", 0, 1)
    assert output["refused"]["others_untried"]
    assert len(output["refused"]["named"]) <= 100
    assert "may refuse all of them" in followed.stdout
    assert site.rotate().returncode == 0
    assert_each_token_changed_once(site.tickets)


def test_rows_that_stay_locked_beside_a_refused_one_are_still_waited_for(
    site: Site, connect: Callable[[str], Any]
) -> None:
    poison = POISONS["a trigger that raises"]
    site.tickets.cursor().execute(poison.made_by.format(id=15_000))
    holder = connect(site.database_url)
    holder.autocommit = False
    holder.cursor().execute("SELECT FROM tickets_ticket WHERE id = 77 FOR UPDATE")
    try:
        followed = site.rotate("--async", "--follow", "--wait-for-locks", "0.5")
    finally:
        holder.rollback()
        site.tickets.cursor().execute(poison.mended_by)

    assert followed.returncode == 3
    assert f"pid {holder.info.backend_pid}" in followed.stdout
    assert "id 15000" in followed.stdout
    output = site.rotation("output_data")
    assert (output["outcome"], output["rotated_rows"]) == ("rows_locked", ROWS - 2)
    assert site.rotate().returncode == 0
    assert_each_token_changed_once(site.tickets)


def test_what_no_worker_can_do_fails_it_in_one_line(site: Site) -> None:
    site.tickets.cursor().execute(REFUSE_UPDATES)
    followed = site.rotate("--async", "--follow")

    site.tickets.cursor().execute(ALLOW_UPDATES)
    assert followed.returncode == 1
    (line,) = followed.stderr.splitlines()
    assert "55000" in line
    output = site.until_finished()
    assert output["error"]["type"] == "token_rotation.errors.StatementError"
    assert "55000" in output["error"]["message"]
    assert (site.rotation("result"), output["outcome"]) == ("failed", "error")
    assert output["rotated_rows"] == ROWS - pending(site.tickets)


def test_what_is_not_done_in_a_workers_time_is_shared_out_again(
    make_site: Callable[[], Site],
) -> None:
    site = make_site()
    site.worker(concurrency=2, TEST_ATTEMPT_SECONDS="1")
    leak(site.tickets, ROWS)
    site.until_ready()

    followed = site.rotate("--async", "--follow", "--batch-rows", "2000", "--pause-seconds", "0.5")

    assert followed.returncode == 0, followed.stderr
    output = site.rotation("output_data")
    assert (output["outcome"], output["rotated_rows"]) == ("complete", ROWS)
    assert output["rounds"] > 1
    assert_each_token_changed_once(site.tickets)


def test_without_a_broker_async_says_so_in_one_line_and_the_rest_works(site: Site) -> None:
    nowhere = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}

    refused = site.rotate("--async", env=nowhere)

    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "cannot be reached" in line
    assert "Nothing was rotated" in line
    assert value(site.tickets, ROTATION.format("count(*)")) == 0
    assert site.rotate(env=nowhere).returncode == 0


def test_of_ten_ends_of_one_round_one_begins_the_next(site: Site) -> None:
    """A rotation with rows pending and no range left is ended by ten at once."""
    answers = site.run(FORGET + END)

    assert answers.stdout.count("'next_round': 1") == 10, answers.stdout + answers.stderr
    output = site.until_finished()
    rounds = value(site.tickets, ROUNDS.format("operation_type = 'rotation.range'"))
    assert (rounds.count(0), rounds.count(1)) == (0, 1)  # a slow machine needs a round more
    assert output["rotated_rows"] == ROWS
    assert_each_token_changed_once(site.tickets)


def test_the_periodic_task_ends_a_round_whose_end_nobody_noticed(site: Site) -> None:
    site.run(FORGET)

    site.send(WATCH_OPERATIONS)

    assert site.until_finished()["outcome"] == "complete"
    assert value(site.tickets, ROUNDS.format("operation_type LIKE 'rotation.end%'")) == [0, 1]
    assert_each_token_changed_once(site.tickets)


def test_workers_rotate_a_selection_and_leave_the_rest(make_site: Callable[[], Site]) -> None:
    site = make_site()
    leak(site.tickets, 25_000)
    with site.tickets.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now() "
            "WHERE id % 5 > 0; UPDATE tickets_ticket SET status = 'closed' WHERE id > 24000; "
            "TRUNCATE token_change"
        )
    selection = ("--issued-before", "now", "--where", "status=open")
    site.worker(concurrency=2)
    done = site.rotate("--async", "--follow", *selection)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is pending in the selection; 1,000 rows outside of it" in done.stdout
    changes = "SELECT array[count(*), count(DISTINCT ticket_id), max(ticket_id)] FROM token_change"
    assert value(site.tickets, changes) == [24_000, 24_000, 24_000]
    assert len(site.rotation("input_data->'selection'")["where"]) == 1


def test_workers_that_an_index_leads_back_end_the_rotation_with_its_name(site: Site) -> None:
    disorder(site.tickets, PENDING)
    ended = site.rotate("--async", "--follow", "--batch-rows", "100")
    assert ended.returncode == 1, ended.stdout
    assert f'REINDEX INDEX CONCURRENTLY "{PENDING}"' in ended.stderr.splitlines()[-1]
    assert site.until_finished()["error"]["type"] == "token_rotation.errors.KeyOrderError"
    site.tickets.cursor().execute(f"REINDEX INDEX {PENDING}")
    assert site.rotate().returncode == 0
    assert_each_token_changed_once(site.tickets)


def test_a_row_that_a_trigger_asks_for_again_ends_the_rounds_with_its_name(site: Site) -> None:
    site.tickets.cursor().execute(ASK_AGAIN)
    try:
        ended = site.rotate("--async", "--follow")
    finally:
        site.tickets.cursor().execute("DROP FUNCTION ask_again CASCADE")
    assert ended.returncode == 1, ended.stdout
    assert "ask_again on tickets_ticket" in ended.stderr.splitlines()[-1]
    assert site.until_finished()["error"]["type"] == "token_rotation.errors.UnyieldingRowsError"
    assert pending(site.tickets) == 1
