"""How each part is shown on the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.page.tables import (
    Document,
    Table,
    billion_table,
    bookkeeping_table,
    derived_table,
    http_table,
    inserts_table,
    lists_table,
    report_table,
    resume_table,
    scale_table,
    speed_table,
    traffic_table,
    vacuum_table,
    verification_table,
)
from benchmark.traffic.pgbench import CLIENTS


@dataclass(frozen=True, slots=True)
class Section:
    """`plots` are names of PNG files beside the page."""

    title: str
    note: str
    tables: Sequence[Callable[[Document], Table]]
    plots: Sequence[str] = ()


SECTIONS = {
    "speed": Section(
        "Speed, memory, disk",
        "Slow recipes run on a smaller table; nothing is extrapolated. Growth is the size after "
        "over the size before. The rate is by the client's own clock; the whole process includes "
        "the start of Python and the counts. One and two workers run directly after a single "
        "UPDATE of their own, others are compared to the last one before them. Shown are the "
        "median of the ratios and their range. From some 400,000 rows on our neighbours share "
        "their first digits, unless --independent-tokens is given; other recipes write a random "
        "UUID a row.",
        (speed_table,),
        plots=("speed", "disk"),
    ),
    "traffic": Section(
        "Beside traffic",
        f"pgbench on {CLIENTS} connections, timed from the scheduled start: look-ups by token, "
        "status changes and new tickets in equal shares. The quiet window lies directly before "
        "each rotation, on the same table; runs are repeated until both windows have 2,000 "
        "transactions. Added is the difference of the percentiles, with a 95 % interval.",
        (traffic_table,),
        plots=("traffic",),
    ),
    "resume": Section(
        "Going on after SIGKILL",
        "From the start of the process until the row at which it was killed is rotated. The "
        "single UPDATE and the offline rewrite start over.",
        (resume_table,),
        plots=("resume",),
    ),
    "inserts": Section(
        "What the guard costs an INSERT",
        "One INSERT of many rows, which shows the cost at its largest.",
        (inserts_table,),
    ),
    "derived": Section(
        "What a derived column costs",
        "`rotate_tokens` with one worker. The guard computes the SHA-256 of each fresh token, and "
        "the rows are as wide without it. The ratio is of neighbours.",
        (derived_table,),
    ),
    "bookkeeping": Section(
        "What bookkeeping costs",
        "By clocks around its functions. The record is kept beside the batches, so its share is an "
        "upper bound.",
        (bookkeeping_table,),
    ),
    "verification": Section(
        "What it costs to verify",
        "One read of the whole table at the end, which every rotation makes before it says "
        "complete. Both are timed in the same run.",
        (verification_table,),
    ),
    "scale": Section(
        "From small tables to large ones",
        "`rotate_tokens` with its defaults and with `--independent-tokens`, killed at 5 and at "
        "95 % of the rows, with a report after each kill. "
        "What it means for larger tables: [scale](../explanation/scale.md).",
        (scale_table, billion_table),
        plots=("scale",),
    ),
    "vacuum": Section(
        "How often to vacuum",
        "`--vacuum-every` is the share of the rows after which a VACUUM runs beside the batches. "
        "With 0 only autovacuum runs.",
        (vacuum_table,),
    ),
    "http": Section(
        "What customers feel over HTTP",
        "wrk opens links of tickets on gunicorn with two workers, among the rows being rotated. "
        "Their own links were replaced before. Every answer must be 200.",
        (http_table,),
    ),
    "report": Section(
        "A report whose query is slow",
        "Every ticket as CSV, the first row after the stated time, by each kind of gunicorn "
        "worker. Then a client that leaves while the query runs. "
        "How it works: [reports](../how-to/stream-reports.md).",
        (report_table,),
    ),
    "lists": Section(
        "A list of leaked tokens",
        "Whole processes. `--only` rotates the listed tokens and must change no other. "
        "Verification runs before, and after everything was rotated.",
        (lists_table,),
    ),
}
