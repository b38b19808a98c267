"""Usage: scripts/bench [--speed] [--latency] ... [--rows N] [--rounds N]; see --help"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg2
from psycopg2.extensions import set_wait_callback

from benchmark.announce import announce
from benchmark.arguments import Arguments, parse_arguments
from benchmark.errors import BenchmarkError
from benchmark.interruption import Interruption
from benchmark.page.page import make_page, read_parts
from benchmark.page.sections import SECTIONS
from benchmark.parts.beside_traffic.bursts import measure_bursts
from benchmark.parts.beside_traffic.frontier import measure_frontier
from benchmark.parts.beside_traffic.jobs import measure_jobs
from benchmark.parts.beside_traffic.slow_server import measure_slow_server
from benchmark.parts.costs.bookkeeping import measure_bookkeeping
from benchmark.parts.costs.checksum_cost import measure_checksum_cost
from benchmark.parts.costs.derived_cost import measure_derived_cost
from benchmark.parts.costs.insert_cost import measure_insert_cost
from benchmark.parts.costs.verification import measure_verification
from benchmark.parts.large import measure_large
from benchmark.parts.leak_reports import measure_leak_reports
from benchmark.parts.lists import measure_lists
from benchmark.parts.long_report import measure_long_report
from benchmark.parts.look_ups import measure_look_ups
from benchmark.parts.part import Measured, Part
from benchmark.parts.resume import measure_resume
from benchmark.parts.scale import measure_scale
from benchmark.parts.speed import measure_speed
from benchmark.parts.vacuum import measure_vacuum
from benchmark.processes import child
from benchmark.processes.databases import Databases
from benchmark.processes.environment import environment
from benchmark.processes.recycled_wal import IN_SERVICE, recycle_wal
from benchmark.processes.server import temporary_server
from tickets.config.embedded.cluster import ClusterError

PASSED, FAILED, NOT_MEASURED, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    arguments = parse_arguments(sys.argv[1:])
    interruption = Interruption()
    set_wait_callback(interruption.wait)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        passed = _measure(arguments)
        _publish(arguments)
    except (KeyboardInterrupt, BenchmarkError, ClusterError, psycopg2.Error, OSError) as error:
        if interruption.asked:
            announce("scripts/bench: interrupted; the temporary server is gone")
            return INTERRUPTED
        announce(f"scripts/bench: {' '.join(f'{error}'.split())}")
        return NOT_MEASURED
    return PASSED if passed else FAILED


def _measure(arguments: Arguments) -> bool:
    """Measure and write each part; whether every figure is as it must be."""
    passed = True
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    in_service = not arguments.quick
    settings = {**IN_SERVICE, **arguments.settings} if in_service else arguments.settings
    with temporary_server(settings) as cluster:
        if in_service:
            recycle_wal(cluster)
        databases = Databases(cluster)
        server_version = databases.server_version()
        for part in _parts(databases, arguments):
            measured = Measured(
                command=arguments.command,
                server_version=server_version,
                settings=arguments.settings,
                in_service=in_service,
                rows=arguments.rows_of(part.name),
                rounds=arguments.rounds_of(part.name),
                run_started_at=started_at,
            )
            measured.write(part, arguments.output)
            passed = passed and all(verdict.passed for verdict in part.verdicts)
    return passed


def _parts(databases: Databases, arguments: Arguments) -> Iterator[Part]:
    """Each part that was asked for, measured when it is taken."""
    some, recipes = databases, arguments.recipes
    rows, rounds, warm_up = arguments.rows, arguments.rounds, not arguments.quick
    seconds, slow_seconds = arguments.load_seconds, arguments.slow_seconds
    measures: dict[str, Callable[[], Part]] = {
        "speed": lambda: measure_speed(
            some, recipes, rows=rows, rounds=rounds, quick=arguments.quick
        ),
        "traffic": lambda: measure_frontier(
            some, rows=rows, rounds=rounds, rates=arguments.rates, quick=arguments.quick
        ),
        "bursts": lambda: measure_bursts(some, rows=rows, rounds=rounds, quick=arguments.quick),
        "jobs": lambda: measure_jobs(some, rows=rows, rounds=rounds, quick=arguments.quick),
        "slow": lambda: measure_slow_server(some, rows=rows, rounds=rounds, quick=arguments.quick),
        "resume": lambda: measure_resume(some, recipes, rows=rows, rounds=rounds),
        "inserts": lambda: measure_insert_cost(some, rows=rows, rounds=rounds, warm_up=warm_up),
        "derived": lambda: measure_derived_cost(some, rows=rows, rounds=rounds),
        "checksum": lambda: measure_checksum_cost(
            some, rows=rows, rounds=rounds, quick=arguments.quick
        ),
        "bookkeeping": lambda: measure_bookkeeping(some, rows=rows, rounds=rounds),
        "scale": lambda: measure_scale(some, arguments.sizes, rounds=rounds, warm_up=warm_up),
        "large": lambda: measure_large(some, rows=arguments.large_rows),
        "vacuum": lambda: measure_vacuum(some, rows=rows, rounds=rounds, quick=arguments.quick),
        "http": lambda: measure_look_ups(some, rows=rows, rounds=rounds, seconds=seconds),
        "report": lambda: measure_long_report(
            some, rows=rows, rounds=rounds, slow_seconds=slow_seconds
        ),
        "verification": lambda: measure_verification(some, rows=rows, rounds=rounds),
        "lists": lambda: measure_lists(some, rows=rows, rounds=rounds),
        "intake": lambda: measure_leak_reports(
            some, rows=rows, rounds=rounds, quick=arguments.quick
        ),
    }
    return (measures[part]() for part in arguments.parts)


def _publish(arguments: Arguments) -> None:
    """Print what was measured now; write the page and the plots of all that is there."""
    parts = read_parts(arguments.output)
    now = [each for each in parts if each["part"] in arguments.parts]
    print(make_page([each for each in now if each["settings"] == arguments.settings]))
    (arguments.output / "bench.md").write_text(make_page(parts))
    if not any(SECTIONS[each["part"]].plots for each in now):
        return
    # In a process of its own: one as large as this would hide how small the measured clients are.
    command = (sys.executable, "-m", "benchmark.page.plots", str(arguments.output))
    child.run(command, env=environment(), on_line=announce)


if __name__ == "__main__":
    sys.exit(main())
