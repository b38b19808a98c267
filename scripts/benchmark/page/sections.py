"""How each part is shown on the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.page.tables import (
    Document,
    Table,
    billion_table,
    bookkeeping_table,
    checksum_table,
    derived_table,
    http_table,
    inserts_table,
    intake_table,
    large_table,
    lists_table,
    report_table,
    resume_table,
    scale_table,
    speed_table,
    vacuum_table,
    verification_table,
)
from benchmark.page.traffic_tables import bursts_table, slow_table, traffic_table
from benchmark.parts.beside_traffic.bursts import RATE_PER_SECOND as BURST_RATE
from benchmark.parts.beside_traffic.jobs import RATE_PER_SECOND as JOBS_RATE
from benchmark.parts.beside_traffic.slow_server import PROCESSORS
from benchmark.parts.beside_traffic.slow_server import RATE_PER_SECOND as SLOW_RATE
from benchmark.traffic.pgbench import CLIENTS


@dataclass(frozen=True, slots=True)
class Section:
    """`plots` are names of PNG files beside the page; an empty `note` is left out."""

    title: str
    note: str
    tables: Sequence[Callable[[Document], Table]]
    plots: Sequence[str] = ()


SECTIONS = {
    "speed": Section(
        "Speed, memory, disk",
        "Growth is after / before.",
        (speed_table,),
        plots=("speed", "disk"),
    ),
    "traffic": Section(
        "Beside traffic",
        f"pgbench on {CLIENTS} connections looks up tokens, changes a status and adds tickets in "
        "equal shares. Cells: the rate / the range loop's alone, and the ms added to p99 (95 % "
        "interval).",
        (traffic_table,),
        plots=("traffic",),
    ),
    "bursts": Section(
        "A burst in mid-run",
        f"{BURST_RATE:,} transactions a second. Inside the budget is the p99 of all that follow. "
        "Rates are divided by the one before.",
        (bursts_table,),
    ),
    "slow": Section(
        "On a slow server",
        f"PostgreSQL has {PROCESSORS:g} of a core, beside {SLOW_RATE:g} transactions a second.",
        (slow_table,),
    ),
    "jobs": Section(
        "A job with a cursor",
        f"save() of each row, beside {JOBS_RATE} transactions a second.",
        (slow_table,),
    ),
    "resume": Section(
        "Going on after SIGKILL",
        "Seconds until the row at which it was killed is rotated. `single-update` and `rewrite` "
        "start over.",
        (resume_table,),
        plots=("resume",),
    ),
    "inserts": Section(
        "What the guard costs an INSERT",
        "One INSERT of many rows, the worst case.",
        (inserts_table,),
    ),
    "derived": Section(
        "What a derived column costs",
        "The guard computes the SHA-256 of each fresh token.",
        (derived_table,),
    ),
    "checksum": Section(
        "What a checksum costs",
        "Rows per processor second, `prefixed()` / `urlsafe()`: in batches, and in one INSERT.",
        (checksum_table,),
    ),
    "bookkeeping": Section(
        "What bookkeeping costs",
        "",
        (bookkeeping_table,),
    ),
    "verification": Section(
        "What it costs to verify",
        "",
        (verification_table,),
    ),
    "scale": Section(
        "From small tables to large ones",
        "Independent: `--independent-tokens`.",
        (scale_table,),
        plots=("scale",),
    ),
    "large": Section(
        "Larger than memory",
        "The index of the tokens was made after the rows, so it begins dense.",
        (large_table, billion_table),
    ),
    "vacuum": Section(
        "How often to vacuum",
        "",
        (vacuum_table,),
    ),
    "http": Section(
        "What customers feel over HTTP",
        "wrk opens links of rotated tickets on gunicorn with two workers.",
        (http_table,),
    ),
    "report": Section(
        "A report whose query is slow",
        "Every ticket as [CSV](../how-to/stream-reports.md). Bounds take the worst run.",
        (report_table,),
    ),
    "lists": Section(
        "A list of leaked tokens",
        "",
        (lists_table,),
    ),
    "intake": Section(
        "A report of leaked tokens",
        "Signed, over HTTP to gunicorn with two workers, while wrk opens other tickets.",
        (intake_table,),
    ),
}
