"""scripts/bench measures what it says, without asserting how fast this machine is."""

import json
import os
import shutil
import signal
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.benchmark import BENCH, Findings, measure, own_server_environment
from tests.support.databases import make_server_directory
from tests.support.manage import PROJECT

ROWS = 600
RECIPES = [
    *("single-update", "save", "bulk-update-50", "bulk-update-1000", "key-ranges"),
    *("rotate-1", "rotate-python", "rotate-2", "rotate-4"),
    *("rotate-independent", "rotate-2-independent", "rotate-retired", "rewrite"),
]
DEFAULTS = PROJECT / "docs" / "measurements" / "inserts.json"
pytestmark = pytest.mark.timeout(1200)  # whichever test comes first may pay for both benchmarks
GROUPS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
PNG = b"\x89PNG\r\n"


def makes_control_groups() -> bool:
    return any((each / "cgroup.procs").exists() and os.access(each, os.W_OK) for each in GROUPS)


def quickly(output: Path, *arguments: str) -> Findings:
    scratch = make_server_directory()
    found = measure(scratch, output, *arguments)
    shutil.rmtree(scratch)
    return found


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Every recipe, measured for its speed alone; inserts, which have figures already."""
    output = tmp_path_factory.mktemp("tuned")
    shutil.copy(DEFAULTS, output)
    return quickly(
        output,
        *("--speed", "--inserts", "--rows", str(ROWS)),
        *("--server", "max_wal_size=2GB", "--server", "fsync=off"),
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """All the other parts, of few recipes, on a server with default settings."""
    return quickly(
        tmp_path_factory.mktemp("parts"),
        *("--traffic", "--traffic-rates", "1000,max", "--resume", "--inserts", "--bookkeeping"),
        *(
            "--derived",
            "--scale",
            "--vacuum",
            "--lists",
            "--verification",
            "--bursts",
            "--large",
            "--jobs",
        ),
        *(("--slow",) if makes_control_groups() else ()),
        "--checksum",
        *("--recipes", "bulk-update-50,rotate-1", "--rows", "3000", "--scale-rows", "1000,3000"),
    )


def test_every_recipe_rotates_every_row_and_has_every_figure(tuned: Findings) -> None:
    recipes = {recipe["key"]: recipe for recipe in tuned["speed-tuned"]["recipes"]}
    assert list(recipes) == RECIPES
    assert recipes["single-update"]["ratio_to_single_update"] == 1
    for recipe in recipes.values():
        assert len(recipe["runs"]) == 1
        assert recipe["rows"] == ROWS
        medians = recipe["medians"]
        assert medians["rows_per_second"] > 0
        assert medians["wall_seconds"] > 0
        assert medians["peak_client_memory_bytes"] > 1e6
        assert medians["heap_growth"] >= 1
        assert medians["index_growth"] > 0
        assert medians["wal_bytes_per_row"] > 0


def test_it_says_what_each_part_was_measured_on(tuned: Findings, parts: Findings) -> None:
    names = ["traffic", "resume", "inserts", "bookkeeping", "scale", "vacuum", "lists"]
    for part in (tuned["speed-tuned"], *(parts[name] for name in names)):
        assert part["command"].startswith("scripts/bench --quick")
        assert part["cores"] == os.cpu_count()
        assert part["postgresql"].startswith("18.")
        assert part["rounds"] == 1
    assert tuned["speed-tuned"]["rows"] == ROWS
    assert parts["scale"]["rows"] == [1000, 3000]
    assert f"{os.cpu_count()} cores" in tuned["stdout"]


def test_the_exit_code_says_whether_every_figure_is_as_it_must_be(
    tuned: Findings, parts: Findings
) -> None:
    for found in (tuned, parts):
        measured = [
            part
            for part in found.values()
            if isinstance(part, dict) and "--quick" in part["command"]  # not what was there before
        ]
        verdicts = [verdict for part in measured for verdict in part["verdicts"]]
        for verdict in verdicts:
            least, most = verdict["needs_at_least"], verdict["needs_at_most"]
            held = verdict["figure"] >= least if most is None else verdict["figure"] <= most
            assert verdict["passed"] == held
        shown = {True: "✓", False: "**not met**"}
        for passed, mark in shown.items():
            judged = sum(verdict["passed"] == passed for verdict in verdicts)
            assert found["stdout"].count(mark) == judged
        passed = all(verdict["passed"] for verdict in verdicts)
        assert found["exit_code"] == (0 if passed else 1)


def test_all_that_must_hold_is_judged(tuned: Findings, parts: Findings) -> None:
    bounds = [(v["needs_at_least"], v["needs_at_most"]) for v in tuned["speed-tuned"]["verdicts"]]
    assert bounds == [
        *((0.9, None), (1.6, None), (0.5, None), (25, None)),
        *((None, 1.25), (None, 1.25), (None, 100)),
    ]
    judged = [(v["needs_at_least"], v["needs_at_most"]) for v in parts["traffic"]["verdicts"]]
    assert judged[:3] == [(0.5, None), (None, 5), (0.05, None)]
    assert judged[3][1] >= 5
    assert [v["needs_at_most"] for v in parts["bursts"]["verdicts"]] == [2, 5]
    assert [v["needs_at_most"] for v in parts["bookkeeping"]["verdicts"]] == [0.02]
    assert [v["needs_at_most"] for v in parts["verification"]["verdicts"]] == [0.05]
    assert [v["needs_at_least"] for v in parts["scale"]["verdicts"]] == [0.7, 0.9, None]
    assert [v["needs_at_most"] for v in parts["lists"]["verdicts"]] == [5, 60, 1.15]


def test_traffic_is_measured_from_its_schedule_before_and_beside_every_recipe(
    parts: Findings,
) -> None:
    few, many = parts["traffic"]["traffic"]
    assert (few["transactions_per_second"], many["transactions_per_second"]) == (1000, None)
    for traffic in (few, many):
        assert traffic["judged_percent"] == 99
        recipes = {one["key"]: one for one in traffic["recipes"]}
        assert list(recipes) == ["rotate-1", "budget-2", "budget-20", "rotate-2", "key-ranges"]
        for one in recipes.values():
            assert all(one["transactions"])
            assert 0 < one["quiet_p50_ms"] <= one["quiet_p95_ms"] <= one["quiet_p99_ms"]
            assert 0 < one["beside_p50_ms"] <= one["beside_p95_ms"] <= one["beside_p99_ms"]
            assert one["added_ms"] == one["beside_p99_ms"] - one["quiet_p99_ms"]
            least, most = one["added_ms_between"]
            assert least <= one["added_ms"] <= most
            alone = parts["traffic"]["loop_alone_rows_per_second"]
            assert one["ratio_to_loop_alone"] == one["rows_per_second"] / alone


def test_a_burst_in_mid_run_is_shown_by_half_seconds(parts: Findings) -> None:
    figures = parts["bursts"]
    assert figures["quiet_p99_ms"] > 0
    assert all(figures["transactions"])
    assert len(figures["added_p99_ms"]) == len(figures["rates_to_full_afterwards"]) == 1


@pytest.mark.skipif(not makes_control_groups(), reason="no group of processors can be made here")
def test_a_slow_server_shows_that_the_budget_is_kept_by_steering(parts: Findings) -> None:
    figures = parts["slow"]
    assert [each["key"] for each in figures["recipes"]] == ["budget-2", "gentlest", "key-ranges"]
    assert all(all(each["transactions"]) for each in figures["recipes"])
    assert [(v["needs_at_least"], v["needs_at_most"]) for v in figures["verdicts"]] == [
        *((20, None), (None, 2), (1, None), (None, 1))
    ]


def test_going_on_after_a_kill_is_timed_where_a_recipe_can(parts: Findings) -> None:
    recipes = {one["key"]: one["medians"] for one in parts["resume"]["recipes"]}
    assert list(recipes) == ["bulk-update-50", "rotate-1"]
    assert recipes["bulk-update-50"]["resume_seconds_at_50"] > 0


def test_inserts_are_measured_with_the_guard_and_without(parts: Findings) -> None:
    assert parts["inserts"]["rows_per_second_with_trigger"] > 0
    assert parts["inserts"]["rows_per_second_without"] > 0


def test_a_rotation_is_measured_with_a_derived_column_and_without(parts: Findings) -> None:
    figures = parts["derived"]
    assert figures["rows_per_second_derived"] > 0
    assert figures["rows_per_second_plain"] > 0
    assert figures["rate_derived_to_plain"] > 0


def test_a_checksum_is_measured_with_crc32_and_where_it_can_be_without(parts: Findings) -> None:
    for version, server in parts["checksum"]["servers"].items():
        assert version[:2] in {"14", "15", "16", "17", "18"}
        assert server["ratio_to_urlsafe"]["update urlsafe"] == 1
        assert all(rate > 0 for rate in server["rows_per_processor_second"].values())


def test_bookkeeping_is_timed_by_its_parts(parts: Findings) -> None:
    shares = parts["bookkeeping"]["shares"]
    assert set(shares) == {"count before", "count after", "probe", "progress", "record"}
    del shares["probe"]  # it is read in hundredths of a second, and may be 0
    assert all(share > 0 for share in shares.values())


def test_the_read_of_the_table_is_timed_beside_the_whole_run(parts: Findings) -> None:
    (run,) = parts["verification"]["runs"]
    assert 0 < run["read_seconds"] < run["total_seconds"]
    assert run["share"] == run["read_seconds"] / run["total_seconds"]


def test_every_size_has_its_place_on_the_curve(parts: Findings) -> None:
    sizes = {one["rows"]: one["medians"] for one in parts["scale"]["sizes"]}
    assert list(sizes) == [1000, 3000]
    for medians in sizes.values():
        assert medians["rows_per_second"] > 0
        assert medians["peak_client_memory_bytes"] > 1e6
        assert medians["first_batch_seconds"] > 0
        assert medians["independent_rows_per_second"] > 0


def test_a_table_that_is_filled_once_is_rotated_whole_though_it_was_killed(parts: Findings) -> None:
    figures = parts["large"]
    assert (figures["rows"], figures["rounds"]) == (3000, 1)
    assert list(figures["seconds_until_95"]) == [
        "15",
        "25",
        "35",
        "45",
        "55",
        "65",
        "75",
        "85",
        "95",
    ]
    for figure in ("first_batch_seconds", "rows_per_second_until_95", "wal_bytes_per_row"):
        assert figures[figure] > 0
    assert figures["verdict_seconds"] > 0
    assert "## Larger than memory" in parts["stdout"]


def test_the_default_share_after_which_to_vacuum_is_compared_to_others(parts: Findings) -> None:
    compared = parts["vacuum"]["settings_compared"]
    assert [(one["workers"], one["vacuum_every_percent"]) for one in compared] == [(1, 0), (1, 10)]
    for one in compared:
        assert one["medians"]["heap_growth"] >= 1
        assert (one["medians"]["ratio_to_default"] == 1) or one["vacuum_every_percent"] != 10
    assert "## How often to vacuum" in parts["stdout"]


def test_lists_are_verified_before_and_after_and_a_hundredth_is_rotated(
    parts: Findings,
) -> None:
    before, only, after = (
        [each for each in parts["lists"]["commands"] if each["command"] == command]
        for command in ("--verify, all valid", "--only", "--verify, none valid")
    )
    sizes = [("tokens", 300), ("tokens", 3000), ("SHA-256", 300), ("SHA-256", 3000)]
    assert [(each["kind"], each["lines"]) for each in before] == sizes
    assert [(each["kind"], each["lines"]) for each in after] == sizes[1::2]
    assert [(each["kind"], each["lines"]) for each in only] == [("tokens", 30)]
    for each in (*before, *only, *after):
        assert each["medians"]["seconds"] > 0
        assert each["medians"]["peak_client_memory_bytes"] > 1e6
    assert "## A list of leaked tokens" in parts["stdout"]


def test_page_and_plots_show_what_was_measured(tuned: Findings, parts: Findings) -> None:
    for found, plots in (
        (tuned, ["speed-tuned", "disk-tuned"]),
        (parts, ["traffic", "resume", "scale"]),
    ):
        page = (found["output"] / "bench.md").read_text()
        cells = {cell for line in found["stdout"].splitlines() for cell in line.split("|")}
        assert {cell for cell in cells if cell.strip(" -:") not in page} == set()
        for plot in plots:
            assert f"({plot}.png)" in page
            assert (found["output"] / f"{plot}.png").read_bytes().startswith(PNG)


def test_nothing_is_left_behind(tuned: Findings, parts: Findings) -> None:
    assert [tuned["leftovers"], parts["leftovers"]] == [[], []]


def test_a_server_with_settings_has_figures_of_its_own(tuned: Findings) -> None:
    assert tuned["inserts"] == json.loads(DEFAULTS.read_text())
    assert tuned["inserts-tuned"]["settings"] == {"max_wal_size": "2GB", "fsync": "off"}
    assert f"with max_wal_size = 2GB, fsync = off, {ROWS} rows" in tuned["stdout"]
    assert "default settings" not in tuned["stdout"]
    page = (tuned["output"] / "bench.md").read_text()
    assert page.index("default settings") < page.rindex("max_wal_size = 2GB")


def test_an_interrupted_benchmark_leaves_nothing_behind(
    server_directory: Path, tmp_path: Path
) -> None:
    scratch, output = server_directory, tmp_path
    process = subprocess.Popen(
        [str(BENCH), "--rows", "1000000", "--output", str(output)],
        env=own_server_environment(scratch),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "seeding" in line:  # the server runs
                break
        assert list(scratch.iterdir()) != []
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(scratch.iterdir()) == []


def test_bad_input_is_refused_before_anything_starts(tmp_path: Path) -> None:
    result = subprocess.run(
        [str(BENCH), "--rows", "0"],
        env=own_server_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "'0' is not a whole number above 0" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--rounds", "-1"), "'-1' is not a whole number above 0"),
        (("--scale-rows", "10,many"), "'many' is not a whole number above 0"),
        (("--recipes", "save,magic"), "'magic': no such recipe"),
        (("--server", "max_wal_size"), "'max_wal_size' is not NAME=VALUE"),
    ],
)
def test_what_is_wrong_with_bad_input_is_said(
    wrong: tuple[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    arguments = import_module("benchmark.arguments")
    with pytest.raises(SystemExit):
        arguments.parse_arguments(wrong)
    assert said in capsys.readouterr().err


SEGMENTS_AHEAD = """
SELECT count(*) FROM pg_ls_waldir()
WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_lsn())
"""


def test_a_server_in_service_has_segments_for_the_wal_of_a_rotation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    one_value = import_module("benchmark.processes.connection").one_value
    recycle_wal = import_module("benchmark.processes.recycled_wal").recycle_wal
    server = import_module("benchmark.processes.server").temporary_server
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with server({"min_wal_size": "256MB"}) as cluster:
        before = one_value(cluster.url(), SEGMENTS_AHEAD)
        recycle_wal(cluster, megabytes=128)
        assert one_value(cluster.url(), SEGMENTS_AHEAD) >= before + 6
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
