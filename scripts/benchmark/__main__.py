"""Usage: scripts/bench [--rows N] [--rounds N] [--json FILE] [--speed | --latency]"""

import json
import sys

import psycopg2
from psycopg2.extensions import set_wait_callback
from psycopg2.extras import wait_select

from benchmark.announce import announce
from benchmark.arguments import Arguments, parse_arguments
from benchmark.databases import Databases
from benchmark.errors import BenchmarkError
from benchmark.findings import Findings
from benchmark.interruption import Interruption
from benchmark.latency import Latency
from benchmark.server import temporary_server
from benchmark.speed import Speed
from tickets.config.embedded.cluster import ClusterError

PASSED, FAILED, NOT_MEASURED, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    arguments = parse_arguments()
    set_wait_callback(wait_select)  # else Ctrl-C waits for the end of a statement
    interruption = Interruption()
    try:
        if arguments.json:
            arguments.json.touch()  # better now than after minutes of work
        findings = _measure(arguments)
    except (KeyboardInterrupt, BenchmarkError, ClusterError, psycopg2.Error, OSError) as error:
        if interruption.asked:
            announce("scripts/bench: interrupted; the temporary server is gone")
            return INTERRUPTED
        announce(f"scripts/bench: {' '.join(f'{error}'.split())}")
        return NOT_MEASURED
    print(findings)
    if arguments.json:
        arguments.json.write_text(json.dumps(findings.as_json(), indent=2) + "\n")
    return PASSED if findings.passed else FAILED


def _measure(arguments: Arguments) -> Findings:
    with temporary_server() as cluster:
        announce(f"seeding {arguments.rows:,} leaked rows")
        databases = Databases(cluster, arguments.rows)
        return Findings(
            rows=arguments.rows,
            rounds=arguments.rounds,
            server_version=databases.server_version(),
            speed=Speed(databases, rounds=arguments.rounds) if arguments.speed else None,
            latency=Latency(databases, rounds=arguments.rounds) if arguments.latency else None,
        )


if __name__ == "__main__":
    sys.exit(main())
