"""Usage: scripts/soak --minutes M [--rows N] [--seed S] [--only FAULT]..."""

import os
import sys
import time
from collections.abc import Callable
from random import Random

import django
import psycopg2
from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.interruption import Interruption
from benchmark.processes.connection import connected
from benchmark.processes.manage import manage
from benchmark.processes.server import temporary_server

from soaking.arguments import Arguments, parse_arguments
from soaking.faults.kinds import NAMES, Kinds, had_here
from soaking.figures import Figures
from soaking.round import Round
from soaking.tickets_table import TicketsTable
from soaking.violation import Violation
from tickets.config.embedded.cluster import ClusterError, PostgresCluster

CLEAN, VIOLATED, NOT_PLAYED, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    arguments = parse_arguments(NAMES)
    interruption = Interruption()
    print(f"seed {arguments.seed}, {arguments.rows:,} rows", flush=True)
    total = Figures()
    try:
        with had_here(arguments.only) as kinds, temporary_server({}) as cluster:
            _play(cluster, arguments, total, kinds)
    except Violation as violation:
        print(f"VIOLATION in round {total.rounds + 1}, seed {arguments.seed}: {violation}")
        return VIOLATED
    except (KeyboardInterrupt, BenchmarkError, ClusterError, psycopg2.Error, OSError) as error:
        if interruption.asked:
            announce("scripts/soak: interrupted; the temporary server is gone")
            return INTERRUPTED
        announce(f"scripts/soak: {' '.join(f'{error}'.split())} (seed {arguments.seed})")
        return NOT_PLAYED
    return CLEAN


def _play(
    cluster: PostgresCluster,
    arguments: Arguments,
    total: Figures,
    had: Callable[[str], Kinds],
) -> None:
    manage("migrate", database_url=cluster.url())
    _become_the_application(cluster.url())
    table = TicketsTable(cluster.url(), arguments.rows)
    kinds = had(cluster.url())
    for name, why in kinds.skipped.items():
        print(f"skipped: {name}: {why}", flush=True)
    if not (kinds.usual or kinds.spread):
        raise BenchmarkError("no fault is left")
    end_at = time.monotonic() + arguments.minutes * 60
    while time.monotonic() < end_at:
        figures = Round(cluster, table, kinds, Random(f"{arguments.seed} {total.rounds}")).play()
        total.add(figures)
        print(f"round {total.rounds}: {figures.line()}", flush=True)
    print(_summary(cluster, arguments, total))


def _become_the_application(database_url: str) -> None:
    for name in [name for name in os.environ if name.startswith(("DJANGO_", "TICKETS_", "PG"))]:
        del os.environ[name]
    os.environ["DATABASE_URL"] = database_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tickets.config.settings"
    django.setup()


def _summary(cluster: PostgresCluster, arguments: Arguments, total: Figures) -> str:
    with connected(cluster.url()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone() or ("–",)
    rows = [
        ("seed", f"{arguments.seed}"),
        ("PostgreSQL", version),
        ("cores", f"{os.cpu_count()}"),
        ("leaked rows a round", f"{arguments.rows:,}"),
        ("minutes", f"{total.seconds / 60:.1f}"),
        *total.table(),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(["", *(f"{name:<{width}}  {value:>12}" for name, value in rows)])


if __name__ == "__main__":
    sys.exit(main())
