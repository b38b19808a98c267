"""scripts/bench --http --report --intake measures what it says, however fast this machine is."""

import shutil

import pytest

from tests.support.benchmark import Findings, measure
from tests.support.databases import make_server_directory

pytestmark = pytest.mark.skipif(
    shutil.which("wrk") is None, reason="wrk is not installed: apt-get install wrk"
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    scratch = make_server_directory()
    found = measure(
        scratch,
        tmp_path_factory.mktemp("output"),
        "--http",
        "--report",
        "--intake",
        "--rows",
        "80000",
    )
    assert found["leftovers"] == []
    scratch.rmdir()
    return {**found, "page": found["stdout"]}


def test_customers_are_asked_in_peace_and_during_a_rotation(found: Findings) -> None:
    quiet, rotation = (one["medians"] for one in found["http"]["situations"])
    for load in (quiet, rotation):
        assert load["requests"] > 0
        assert load["errors"] == 0
        assert 0 < load["p50_ms"] <= load["p99_ms"] <= load["max_ms"]
    assert quiet["rotated_rows_per_second"] == 0 < rotation["rotated_rows_per_second"]
    assert [verdict["needs_at_most"] for verdict in found["http"]["verdicts"]] == [1.5, 0]


def test_the_slow_report_is_downloaded_and_left_with_each_kind_of_worker(
    found: Findings,
) -> None:
    assert [one["kind"] for one in found["report"]["workers"]] == ["sync", "gthread"]
    for one in found["report"]["workers"]:
        figures = one["medians"]
        assert figures["seconds"] > found["report"]["slow_seconds"]
        assert 0 < figures["first_byte_seconds"] < figures["seconds"]
        assert figures["cancel_seconds"] > 0
        assert figures["blank_lines"] == 0
    bounds = [verdict["needs_at_most"] for verdict in found["report"]["verdicts"]]
    assert bounds == [1, 5, 100, 5]


def test_reported_tokens_are_dead_when_the_answer_comes(found: Findings) -> None:
    medians = found["intake"]["medians"]
    assert medians["true_positives"] == found["intake"]["tokens"] == 1_000
    assert medians["answer_seconds"] > 0
    assert medians["dead_after_seconds"] == 0
    bounds = [verdict["needs_at_most"] for verdict in found["intake"]["verdicts"]]
    assert bounds == [5, 0, 0, 0]


def test_the_page_shows_them(found: Findings) -> None:
    assert "## What customers feel over HTTP" in found["page"]
    assert "## A report whose query is slow" in found["page"]
    assert "## A report of leaked tokens" in found["page"]
