"""A job in somebody else's project goes on after kills, stops and poison, and loses no item."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until
from token_rotation.sql.single_start import LOCK_CLASS

MODELS = """
class Item(models.Model):
    number = models.BigIntegerField(db_index=True)
    squared = models.BigIntegerField(null=True)
    times = models.IntegerField(default=0)

class Gate(models.Model):
    items = models.IntegerField()
"""
ACTIONS = """
from django.db.models import F
from shop.models import Gate, Item
from token_rotation.jobs import CsvFile, Job, register

class Square(Job):
    batch_items = 50
    traffic_budget_ms = 0  # other tests run beside it

    def throttle_on(self):
        gate = Gate.objects.first()
        if gate is None:
            return ""
        done = Item.objects.filter(squared__isnull=False).count()
        return "the gate is shut" if done >= gate.items else ""

    def collection(self):
        return Item.objects.all()

    def after_pause(self, state):
        Item.objects.create(number=-1, squared=1)

    def process(self, item):
        if item.number == self.parameters.get("poison"):
            raise ValueError("it says nothing of the item")
        item.squared = item.number ** 2
        item.times += 1
        item.save(update_fields=["squared", "times"])

register(Square)

@register
class SquareMany(Square):
    batch_items = 500

    def process_batch(self, items):
        numbers = [item.number for item in items]
        if self.parameters.get("poison") in numbers:
            raise ValueError("it says nothing of the item")
        squared, times = F("number") * F("number"), F("times") + 1
        Item.objects.filter(number__in=numbers).update(squared=squared, times=times)

@register
class FillSquares(Square):
    remaining_is_in_data = True

    def collection(self):
        return Item.objects.filter(squared=None)

@register
class SquareOrDie(Square):
    set_aside_at_most = 0

@register
class SquareBehindAGate(Square):
    gates = {"pause_while": "SELECT NOT EXISTS (SELECT FROM shop_gate)"}

@register
class SquareOutside(Square):
    atomic = False

@register
class SquareElsewhere(Square):
    def collection(self):
        return Item.objects.using("other")

@register
class Import(Job):
    batch_items = 3

    def collection(self):
        return CsvFile(self.parameters["file"])

    def process(self, item):
        Item.objects.create(number=int(item["number"]))
"""
TABLES = "shop_item, shop_gate, token_rotation_operation"
ROWS = 4_000
MANY_ROWS, MANY_ALLOWED = 200_000, 10_000
FILL = "INSERT INTO shop_item (number, times) SELECT n, 0 FROM generate_series(1, %s) AS n"
DONE = "SELECT count(*) FROM shop_item WHERE squared = number * number AND times = 1 AND number > 0"
TIMES = "SELECT coalesce(max(times), 0) FROM shop_item"
PAUSES = "SELECT count(*) FROM shop_item WHERE number = -1"
STORED = "SELECT coalesce(sum(progress_done), 0) FROM token_rotation_operation"
BEGINNING = f"{LOCK_CLASS}, hashtext('job Square')"
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
BEATS = "SELECT count(*) FROM token_rotation_operation WHERE heartbeat_at > started_at"
RUNNING = "SELECT count(*) FROM token_rotation_operation WHERE status = 'running'"
STOPPED = 3
ALL = 2 * ROWS
ALLOWED = 300
"""Items that a job processes before it is killed, stopped or asked something, at the most."""


@pytest.fixture(scope="module")
def shop_database(database_factory: DatabaseFactory) -> Iterator[str]:
    url = database_factory.create("zero")
    yield url
    database_factory.drop(url)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: str) -> Project:
    directory = tmp_path_factory.mktemp("shop")
    project = Project(directory, shop_database)
    project.models(MODELS)
    (directory / "shop" / "actions.py").write_text(ACTIONS)
    with (directory / "settings.py").open("a") as settings:
        settings.write('DATABASES["other"] = dict(DATABASES["default"])')
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    return project


@pytest.fixture
def items(
    shop: Project,
    shop_database: str,
    connect: Callable[[str], Any],
) -> Any:
    """4,000 rows that no job has seen."""
    tables = connect(shop_database)
    tables.cursor().execute(f"TRUNCATE {TABLES} RESTART IDENTITY")
    tables.cursor().execute(FILL, (ROWS,))
    return tables


def begun(shop: Project, tables: Any, *job: str, allowed: int = ALLOWED) -> Popen[str]:
    """The job as a process that has stored a batch, and ends at a gate if nothing ends it."""
    open_gate(tables, allowed)
    before = value(tables, STORED)
    running = shop.start("-m", "django", "run_job", *job)
    until(lambda: value(tables, STORED) > before)
    return running


def open_gate(tables: Any, allowed: int) -> None:
    """Let a job process so many more items, and then wait."""
    tables.cursor().execute("TRUNCATE shop_gate")
    tables.cursor().execute(f"INSERT INTO shop_gate (items) SELECT ({DONE}) + %s", (allowed,))


@pytest.mark.parametrize(
    "job", [("Square",), ("FillSquares",), ("Square", "--workers", "2")], ids=" ".join
)
def test_a_job_killed_ten_times_processes_each_item_once(
    shop: Project, items: Any, job: tuple[str, ...]
) -> None:
    for _ in range(10):
        running = begun(shop, items, *job)
        running.kill()
        running.communicate()
    assert value(items, DONE) < ROWS
    open_gate(items, ALL)
    assert "complete" in shop.run("run_job", *job)
    assert (value(items, DONE), value(items, TIMES)) == (ROWS, 1)


def test_many_rows_killed_paused_and_poisoned_are_each_processed_once(
    shop: Project, items: Any
) -> None:
    items.cursor().execute("TRUNCATE shop_item RESTART IDENTITY")
    items.cursor().execute(FILL, (MANY_ROWS,))
    poison = MANY_ROWS * 9 // 20  # behind all that the first of two workers may do before
    job = ("SquareMany", "--param", f"poison={poison}", "--workers", "2")
    for _ in range(10):
        running = begun(shop, items, *job, allowed=MANY_ALLOWED)
        running.kill()
        running.communicate()
    running = begun(shop, items, *job, allowed=MANY_ALLOWED)
    shop.run("run_job", "SquareMany", "--pause")
    until(lambda: value(items, PAUSES) > 0)
    items.cursor().execute("TRUNCATE shop_gate")
    shop.run("run_job", "SquareMany", "--resume")
    said = running.communicate(timeout=120)
    assert running.returncode == STOPPED, said
    assert f"  {poison}: ValueError" in said[0]
    assert (value(items, DONE), value(items, TIMES)) == (MANY_ROWS - 1, 1)


def test_workers_may_be_more_or_fewer_in_the_next_run(shop: Project, items: Any) -> None:
    for workers in "3", "1", "2":
        running = begun(shop, items, "Square", "--workers", workers)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
        assert running.returncode == STOPPED
    open_gate(items, ALL)
    assert "complete" in shop.run("run_job", "Square")
    assert (value(items, DONE), value(items, TIMES)) == (ROWS, 1)
    assert f"{ROWS:,} items processed" in shop.run("run_job", "Square"), "it begins anew"


def test_a_fault_of_one_worker_ends_the_others_after_their_batch(shop: Project, items: Any) -> None:
    words = ("run_job", "SquareOrDie", "--param", "poison=777", "--workers", "2")
    said = shop.run(*words, fails_with=1)
    assert "items failed, the last at 777: ValueError" in said
    assert value(items, TIMES) == 1
    assert (
        value(items, "SELECT count(*) FROM token_rotation_operation WHERE status = 'running'") == 0
    )


def test_a_file_is_for_one_worker(shop: Project, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("number\n1\n")
    words = ("run_job", "Import", "--param", f"file={file}", "--workers", "2")
    assert "leave --workers out" in shop.run(*words, fails_with=1)


def test_a_gate_that_is_shut_holds_a_job_back(shop: Project, items: Any) -> None:
    running = shop.start("-m", "django", "run_job", "SquareBehindAGate")
    until(lambda: value(items, BEATS) == 1)
    assert value(items, DONE) == 0
    open_gate(items, ALL)
    running.communicate(timeout=60)
    assert running.returncode == 0
    assert value(items, DONE) == ROWS


def test_a_job_whose_sessions_are_ended_processes_each_item_once(shop: Project, items: Any) -> None:
    running = begun(shop, items, "Square", allowed=ALL)
    for _ in range(10):
        before = value(items, DONE)
        items.cursor().execute(END_SESSIONS)
        until(lambda before=before: value(items, DONE) > before or running.poll() is not None)
    said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert (value(items, DONE), value(items, TIMES)) == (ROWS, 1)


def test_a_poison_item_is_set_aside_and_named_and_the_others_are_processed(
    shop: Project, items: Any
) -> None:
    said = shop.run("run_job", "Square", "--param", "poison=777", fails_with=STOPPED)
    assert "1 item was set aside" in said
    assert "  777: ValueError" in said
    assert (value(items, DONE), value(items, TIMES)) == (ROWS - 1, 1)


def test_rows_of_another_database_are_locked_and_processed_too(shop: Project, items: Any) -> None:
    said = shop.run("run_job", "SquareElsewhere", "--param", "poison=777", fails_with=STOPPED)
    assert "one batch may be processed again" in said
    assert "  777: ValueError" in said
    assert (value(items, DONE), value(items, TIMES)) == (ROWS - 1, 1)


def test_a_stopped_job_goes_on_where_it_was(shop: Project, items: Any) -> None:
    running = begun(shop, items, "Square")
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == STOPPED
    assert 0 < value(items, DONE) < ROWS
    open_gate(items, ALL)
    assert "complete" in shop.run("run_job", "Square")
    assert (value(items, DONE), value(items, TIMES)) == (ROWS, 1)


def test_a_second_run_of_a_living_job_is_refused(shop: Project, items: Any) -> None:
    running = begun(shop, items, "Square")
    assert "--stop ends it" in shop.run("run_job", "Square", fails_with=1)
    running.kill()
    running.communicate()


def test_of_two_that_begin_at_once_one_is_refused(shop: Project, items: Any) -> None:
    items.cursor().execute(f"SELECT pg_advisory_lock({BEGINNING})")
    both = [shop.start("-m", "django", "run_job", "Square") for _ in range(2)]
    until(lambda: value(items, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 2)
    items.cursor().execute(f"SELECT pg_advisory_unlock({BEGINNING})")
    said = [each.communicate(timeout=60) for each in both]
    assert sorted(each.returncode for each in both) == [0, 1], said
    assert (value(items, DONE), value(items, TIMES)) == (ROWS, 1)


def test_a_file_is_read_to_its_end_in_batches(shop: Project, items: Any, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("number\n" + "".join(f"{number}\n" for number in range(10)))
    said = shop.run("run_job", "Import", "--param", f"file={file}")
    assert "complete, 10 items" in said
    assert "one batch may be processed again" in said
    assert value(items, "SELECT count(*) FROM shop_item") == ROWS + 10


def test_a_name_that_no_job_has_is_refused_in_one_line(shop: Project) -> None:
    said = shop.run("run_job", "Squares", fails_with=1)
    assert "no job is named 'Squares'; registered: FillSquares, Import, Square" in said


def test_a_paused_job_processes_nothing_until_it_is_resumed(shop: Project, items: Any) -> None:
    running = begun(shop, items, "Square")
    assert "Asked 1 run of Square to pause" in shop.run("run_job", "Square", "--pause")
    until(lambda: value(items, PAUSES) == 1)
    paused_at = value(items, DONE)
    open_gate(items, ALLOWED)
    assert "Asked 1 run of Square to go on" in shop.run("run_job", "Square", "--resume")
    until(lambda: value(items, DONE) > paused_at)
    assert "Asked 1 run of Square to stop" in shop.run("run_job", "Square", "--stop")
    running.communicate(timeout=60)
    assert running.returncode == STOPPED
    assert "Square is not running" in shop.run("run_job", "Square", "--stop")


def test_a_dry_run_says_what_is_left_and_changes_nothing(shop: Project, items: Any) -> None:
    running = begun(shop, items, "Square")
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    before = value(items, DONE)
    said = shop.run("run_job", "Square", "--dry-run")
    assert f"{ROWS:,} items, behind {before:,} items, 50 a batch. Nothing was done." in said
    assert value(items, DONE) == before


def test_what_is_typed_wrong_is_one_line(shop: Project) -> None:
    said = shop.run("run_job", "Square", "--param", "poison", fails_with=1)
    assert "'poison' is not KEY=VALUE" in said


def test_a_server_that_is_gone_is_one_line(shop: Project, tmp_path: Path) -> None:
    words = ["-m", "django", "run_job", "Square"]
    asked = shop.start(*words, PGHOST=str(tmp_path))
    _, said = asked.communicate(timeout=60)
    assert asked.returncode == 1
    assert "run the same command again" in said
    assert "Traceback" not in said
