"""Prometheus is told what the database knows, if it has the token."""

import time
from typing import Any

import pytest
from django.test import Client
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.leaked import leak
from tests.support.manage import Manage
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.distributed.records import RANGE
from token_rotation.distributed.results import FIGURES, ROTATE_KEY_RANGE
from token_rotation.engine.batch_seconds import BatchSeconds
from token_rotation.errors import StatementError
from token_rotation.metrics import collector
from token_rotation.metrics.collector import RotationCollector
from token_rotation.metrics.totals import totals_of
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.run.progress import Progress
from token_rotation.run.recording import record
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.run.recording.record import Record
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.discovery import find_targets

ALIAS = "rotated"
MODEL = "tickets.Ticket"
TOKEN = "only-for-this-test"


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(v for k, v in sorted(sample.labels.items()) if k != "model")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape() -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    registry.register(RotationCollector(ALIAS))
    return samples(generate_latest(registry).decode())


def test_figures_are_those_of_the_table_and_of_every_recorded_rotation(
    target: Target, tickets: Any, manage: Manage, database_url: str
) -> None:
    leak(tickets, 500)
    before = scrape()
    assert before["token_rotation_pending_rows",] == 500
    assert before["token_rotation_rotated_rows_total",] == 0
    assert before["token_rotation_batch_seconds_count",] == 0

    for limit in ("100", "200"):
        options = ("--limit", limit, "--batch-rows", "50", "--pause-seconds", "0.01")
        manage("rotate_tokens", *options, database_url=database_url)
    after = scrape()

    assert after["token_rotation_pending_rows",] == 200
    assert after["token_rotation_pending_rows_is_estimate",] == 0
    assert after["token_rotation_rotated_rows_total",] == 300
    assert after["token_rotation_batch_seconds_count",] == 6
    assert after["token_rotation_batch_seconds_bucket", "+Inf"] == 6
    assert after["token_rotation_batch_seconds_sum",] > 0
    assert after["token_rotation_waited_seconds_total", "pace"] > 0
    assert after["token_rotation_retries_total",] == 0
    assert after["token_rotation_running",] == 0
    assert after["token_rotation_guard_intact",] == 1


def test_a_rotation_shows_while_it_runs(
    target: Target, tickets: Any, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, 100)
    monkeypatch.setattr(record, "BEAT_EVERY_SECONDS", 0.01)
    engine, progress = rotation(batch_rows=20), Progress(100, clock=time.monotonic)
    kept = Record(target)
    kept.begin(RotationOptions(), 100)
    keeping = kept.kept(
        progress,
        StopSignal(),
        engine,
        live_status=LiveStatus(),
        change_pace=engine.change_pace,
    )
    with keeping:
        engine.run()
        progress.reach(100)
        until(lambda: scrape()["token_rotation_batch_seconds_count",] == 5)
        running = scrape()
    kept.end(engine.result)

    assert running["token_rotation_running",] == 1
    assert running["token_rotation_rotated_rows_total",] == 100
    ended = scrape()
    assert ended["token_rotation_running",] == 0
    for name in ("token_rotation_rotated_rows_total", "token_rotation_batch_seconds_count"):
        assert ended[name,] == running[name,]


@pytest.mark.django_db(transaction=True)
def test_a_distributed_rotation_shows_by_its_ranges_until_it_has_ended() -> None:
    """By what they have returned, or else by their last sign of life."""
    (target,) = find_targets("default")
    seconds = BatchSeconds()
    seconds.record(0.01)
    said = {"retries": 1, "waited_seconds": {"pace": 1.5}, "batch_seconds": seconds.as_dict()}
    returned = {**said, "retries": 2, "waited_seconds": {"pace": 3.0, "traffic": 1.0}}
    records = BatchOperation.objects
    distributed = records.create_synchronous(
        "rotation", input_data={"model": MODEL, "distributed": True}
    )
    records.create_asynchronous(RANGE, context_object=distributed)
    for done in (30, 40):
        part = records.create_synchronous(RANGE, context_object=distributed)
        part.beat(done, live={"waiting_for": None, FIGURES: said})
    result = {"action": ROTATE_KEY_RANGE, "status": "successful", "value": returned}
    part.finish(output_data={"actions": [result]})

    totals = totals_of(target)

    assert (totals.running, totals.done.rotated_rows, totals.done.retries) == (1, 70, 3)
    assert totals.done.waited_seconds == {"pace": 4.5, "traffic": 1.0}
    assert dict(totals.done.batch_seconds.cumulative())["+Inf"] == 2
    distributed.finish(output_data={**said, "rotated_rows": 70})
    assert totals_of(target).done.rotated_rows == 70


def test_a_record_of_an_older_release_counts_with_what_it_has(target: Target) -> None:
    records = BatchOperation.objects.using(ALIAS)
    old = records.create_synchronous("rotation", input_data={"model": MODEL})
    old.finish(output_data={"rotated_rows": 7, "retries": 1, "waited_seconds": {}})
    records.create_synchronous("rotation", input_data={"model": "another.Model"})

    totals = totals_of(target)

    assert (totals.running, totals.done.rotated_rows, totals.done.retries) == (0, 7, 1)


def test_a_table_that_is_not_there_has_no_figure_and_a_broken_guard(
    target: Target, tickets: Any
) -> None:
    tickets.cursor().execute("ALTER TABLE tickets_ticket RENAME TO hidden")
    figures = scrape()
    assert ("token_rotation_pending_rows",) not in figures
    assert figures["token_rotation_guard_intact",] == 0


@pytest.mark.parametrize("table", ["token_rotation_operation", "tickets_ticket"])
def test_locked_tables_are_not_waited_for_without_bound(
    target: Target, other: Any, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setitem(collector.LIMIT, "statement_timeout_ms", 50)
    other.cursor().execute(f"LOCK TABLE {table}")
    with pytest.raises(StatementError):
        scrape()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("served")
class TestPage:
    def test_without_a_token_in_the_settings_there_is_no_such_page(self, client: Client) -> None:
        page = client.get("/metrics", headers={"authorization": "Bearer "})
        assert page.status_code == 404
        assert page.content == client.get("/nowhere").content

    @pytest.mark.parametrize(
        "sent", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", "Bearer \u00e9"]
    )
    def test_without_the_token_there_are_no_figures(
        self, client: Client, settings: Any, sent: str | None
    ) -> None:
        settings.METRICS_TOKEN = TOKEN
        page = client.get("/metrics", headers={} if sent is None else {"authorization": sent})
        assert page.status_code == 401
        assert page["WWW-Authenticate"] == "Bearer"
        assert "rotation" not in page.content.decode()

    @pytest.mark.parametrize(
        "accept", ["", "text/plain;version=0.0.4", "application/openmetrics-text"]
    )
    def test_with_the_token_there_are_figures(
        self, client: Client, settings: Any, accept: str
    ) -> None:
        settings.METRICS_TOKEN = TOKEN
        headers = {"authorization": f"Bearer {TOKEN}", "accept": accept}
        page = client.get("/metrics", headers=headers)
        assert page.status_code == 200
        assert 'token_rotation_pending_rows{model="tickets.Ticket"} 0.0' in page.content.decode()
        assert page["Cache-Control"] == "no-store"
