"""How each part is shown on the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.page.tables import (
    Document,
    Table,
    billion_table,
    bookkeeping_table,
    http_table,
    inserts_table,
    latency_table,
    lists_table,
    report_table,
    resume_table,
    scale_table,
    speed_table,
    vacuum_table,
)
from benchmark.traffic.pgbench import CLIENTS, RATE_PER_SECOND


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
        "Slow recipes run on a smaller table, whose rows are stated; their rates are measured "
        "there, not extrapolated. Growth is the size after over the size before. The rate is by "
        "the client's own clock; the whole process includes the start of Python and the counts "
        "before and after. The machine's speed wavers: one and two workers run directly after a "
        "single UPDATE of their own, the others are compared to the last one before them. Shown "
        "are the median of the ratios and their range. On tables of some 400,000 rows and more "
        "ours writes tokens whose first digits neighbours share, made from a hash, the other "
        "recipes a random UUID a row; with --independent-tokens ours does so too.",
        (speed_table,),
        plots=("speed", "disk"),
    ),
    "latency": Section(
        "What traffic feels",
        f"pgbench at {RATE_PER_SECOND} transactions a second on {CLIENTS} connections, from the "
        "moment at which the schedule wanted a transaction to start: look-ups by token, status "
        "changes and new tickets in equal shares. The quiet time lies directly before each "
        "recipe, in the same traffic on the same table; a ratio is of such neighbours. Shown are "
        "the median of the ratios and their range. The recipe that is judged runs more often, "
        "since such ratios waver. Where fewer rows are to be rotated than the table has, the "
        "others were rotated before. The rate is what is left of the one above.",
        (latency_table,),
        plots=("latency",),
    ),
    "resume": Section(
        "Going on after SIGKILL",
        "From the start of the process until the row at which it was killed is rotated. The "
        "single UPDATE and the offline rewrite start over: nothing of them is kept.",
        (resume_table,),
        plots=("resume",),
    ),
    "inserts": Section(
        "What the guard costs an INSERT",
        "One INSERT of many rows, which shows the cost at its largest.",
        (inserts_table,),
    ),
    "bookkeeping": Section(
        "What bookkeeping costs",
        "By clocks around its functions in the same run. The record is kept beside the batches, "
        "so that its share is an upper bound.",
        (bookkeeping_table,),
    ),
    "scale": Section(
        "From small tables to large ones",
        "`rotate_tokens` with its defaults; with `--independent-tokens`, which on large tables "
        "does without what spares the index; killed at 5 and at 95 % of the rows, a report after "
        "each kill. What it means for larger ones: [scale.md](../scale.md).",
        (scale_table, billion_table),
        plots=("scale",),
    ),
    "vacuum": Section(
        "How often to vacuum",
        "`--vacuum-every`, the share of the rows after which a VACUUM runs beside the batches; "
        "with 0 only autovacuum does, whenever it comes by.",
        (vacuum_table,),
    ),
    "http": Section(
        "What customers feel over HTTP",
        "wrk opens links of tickets on gunicorn with two workers, all in the midst of the rows "
        "being rotated; every answer must be 200. Their own links were replaced before.",
        (http_table,),
    ),
    "report": Section(
        "A report whose query is slow",
        "Every ticket as CSV, the first row after the stated time, with each kind of gunicorn "
        "worker; then a client that goes while the query runs. "
        "How it works: [reports.md](../reports.md).",
        (report_table,),
    ),
    "lists": Section(
        "A list of leaked tokens",
        "Whole processes. `--only` rotates the listed tokens among all the others, and is checked "
        "to change no other; `--verify` is asked before, and after everything was rotated.",
        (lists_table,),
    ),
}
