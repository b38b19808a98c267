"""scripts/bench measures what it says, without asserting how fast this machine is."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"
ROWS = 10_000


def bench_environment(directory: Path) -> dict[str, str]:
    """A DATABASE_URL that must not be used, and a place in which leftovers show."""
    return {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@192.0.2.1/x",
        "TMPDIR": f"{directory}",
    }


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("bench")
    file = tmp_path_factory.mktemp("findings") / "findings.json"
    result = subprocess.run(
        [str(BENCH), "--rows", str(ROWS), "--rounds", "1", "--json", str(file)],
        env=bench_environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "Traceback" not in result.stderr
    assert result.returncode in (0, 1), result.stderr
    found: dict[str, Any] = json.loads(file.read_text())
    return {
        **found,
        "stdout": result.stdout,
        "exit_code": result.returncode,
        "leftovers": [path.name for path in directory.iterdir()],
    }


def test_it_prints_both_ratios_with_what_they_need(findings: dict[str, Any]) -> None:
    speed, latency = findings["speed"]["verdict"], findings["latency"]["verdict"]
    lines = findings["stdout"].splitlines()
    assert f"rotate_tokens / single UPDATE: {speed['ratio']:.2f} (needs >= 0.80)" in lines
    assert f"p99 during rotation / quiet p99: {latency['ratio']:.2f} (needs <= 1.50)" in lines


def test_the_exit_code_says_whether_both_ratios_hold(findings: dict[str, Any]) -> None:
    speed, latency = findings["speed"]["verdict"], findings["latency"]["verdict"]
    assert speed["passed"] == (speed["ratio"] >= 0.8)
    assert latency["passed"] == (latency["ratio"] <= 1.5)
    assert findings["passed"] == (speed["passed"] and latency["passed"])
    assert findings["exit_code"] == (0 if findings["passed"] else 1)


def test_it_says_what_was_measured_on(findings: dict[str, Any]) -> None:
    assert findings["rows"] == ROWS
    assert findings["rounds"] == 1
    assert findings["cores"] == os.cpu_count()
    assert findings["postgresql"].startswith("18.")


def test_every_way_to_rotate_has_its_figures(findings: dict[str, Any]) -> None:
    recipes = {recipe["name"]: recipe for recipe in findings["speed"]["recipes"]}
    assert list(recipes) == ["single UPDATE", "rotate_tokens"]
    assert recipes["single UPDATE"]["ratio_to_single_update"] == 1
    for recipe in recipes.values():
        assert len(recipe["runs"]) == 1
        assert recipe["medians"]["rows_per_second"] > 0
        assert recipe["medians"]["wall_seconds"] > 0
    assert recipes["rotate_tokens"]["medians"]["peak_client_memory_bytes"] > 1e6


def test_traffic_is_measured_from_its_schedule_in_every_situation(
    findings: dict[str, Any],
) -> None:
    situations = {one["name"]: one["runs"] for one in findings["latency"]["situations"]}
    assert list(situations) == ["quiet", "rotate_tokens", "single UPDATE"]
    for (run,) in situations.values():
        assert run["transactions"] > 0
        assert 0 < run["p50_ms"] <= run["p99_ms"] <= run["p999_ms"] <= run["max_ms"]


def test_nothing_is_left_behind(findings: dict[str, Any]) -> None:
    assert findings["leftovers"] == []


def test_an_interrupted_benchmark_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(BENCH), "--rows", "1000000"],
        env=bench_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert "seeding" in process.stderr.readline()  # the server runs
        assert list(tmp_path.iterdir()) != []
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [("--rows", "0"), ("--rounds", "-1"), ("--rows", "many")])
def test_a_wrong_number_is_refused_before_anything_starts(
    wrong: tuple[str, str], tmp_path: Path
) -> None:
    result = subprocess.run(
        [str(BENCH), *wrong],
        env=bench_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert f"{wrong[1]!r} is not a whole number above 0" in result.stderr
    assert list(tmp_path.iterdir()) == []
