"""The figures of each part as heads and rows of text."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from benchmark.measures import HEAP, RATE, WAL

Document = Mapping[str, Any]
Table = tuple[Sequence[str], Sequence[Sequence[str]]]

UNKNOWN = "–"
BILLION = 1_000_000_000
BESIDE = " beside "


def speed_table(part: Document) -> Table:
    """Rows are told where a recipe had others than the part."""
    heads = ("recipe", "", "rows", RATE.title, HEAP.title)
    rows = [
        (
            recipe["key"],
            recipe["title"],
            f"{recipe['rows']:,}" if recipe["rows"] != part["rows"] else "",
            *(_shown(recipe["medians"][m.key], m.shown) for m in (RATE, HEAP)),
        )
        for recipe in part["recipes"]
    ]
    return heads, rows


def resume_table(part: Document) -> Table:
    heads = ("recipe", "killed at 50 %: s", "at 95 %: s")
    keys = ("resume_seconds_at_50", "resume_seconds_at_95")
    rows = [
        (one["key"], *(_seconds(one["medians"][key]) for key in keys)) for one in part["recipes"]
    ]
    return heads, rows


def inserts_table(part: Document) -> Table:
    heads = ("rows inserted", "rows/s with trigger", "without", "µs a row")
    row = (
        f"{part['inserted_rows']:,}",
        f"{part['rows_per_second_with_trigger']:,.0f}",
        f"{part['rows_per_second_without']:,.0f}",
        f"{part['microseconds_per_row']:.2f}",
    )
    return heads, [row]


def derived_table(part: Document) -> Table:
    heads = ("rows/s with the column", "without", "ratio")
    row = (
        f"{part['rows_per_second_derived']:,.0f}",
        f"{part['rows_per_second_plain']:,.0f}",
        f"{part['rate_derived_to_plain']:.2f}",
    )
    return heads, [row]


def checksum_table(part: Document) -> Table:
    ways = ("update prefixed", "update prefixed, made in Python", "insert prefixed")
    heads = ("PostgreSQL", "UPDATE", "made in Python", "INSERT")
    rows = [
        (version, *(f"{one['ratio_to_urlsafe'][way]:.2f}" for way in ways))
        for version, one in part["servers"].items()
    ]
    return heads, rows


def bookkeeping_table(part: Document) -> Table:
    shares = part["shares"].items()
    return tuple(name for name, _ in shares), [tuple(f"{100 * share:.1f} %" for _, share in shares)]


def verification_table(part: Document) -> Table:
    heads = ("read of the table: s", f"whole run of {part['rows']:,} rows: s")
    keys = ("read_seconds", "total_seconds")
    row = [f"{statistics.median(one[key] for one in part['runs']):.2f}" for key in keys]
    return heads, [row]


def scale_table(part: Document) -> Table:
    seconds = ("resume_seconds_at_5", "resume_seconds_at_95")
    heads = (
        *("rows", *(measure.title for measure in (RATE, WAL))),
        *(f"{measure.title}, independent" for measure in (RATE, WAL)),
        *("resume s at 5 %", "at 95 %"),
    )
    rows = [
        (
            f"{one['rows']:,}",
            *(_shown(one["medians"][measure.key], measure.shown) for measure in (RATE, WAL)),
            *(
                _shown(one["medians"].get(f"independent_{measure.key}"), measure.shown)
                for measure in (RATE, WAL)
            ),
            *(_seconds(one["medians"].get(key)) for key in seconds),
        )
        for one in part["sizes"]
    ]
    return heads, rows


def billion_table(part: Document) -> Table:
    """What it would mean for a billion rows, if all stayed as it is; of the defaults alone."""
    if part["settings"]:
        return (), ()
    rate, wal_bytes = part["rows_per_second_until_95"], part[WAL.key]
    rows = [
        ("hours, one worker", f"{BILLION / rate / 3600:,.1f}"),
        ("WAL written, GB", f"{BILLION * wal_bytes / 1e9:,.0f}"),
        ("WAL written a second, MB", f"{rate * wal_bytes / 1e6:,.0f}"),
    ]
    return ("reckoned for 1,000,000,000 rows, not measured", ""), rows


def large_table(part: Document) -> Table:
    before, after = (
        " + ".join(f"{part[key][what] / 1e9:.1f}" for what in ("heap", "indexes"))
        for key in ("bytes_before", "bytes_after")
    )
    seconds = list(part["seconds_until_95"].values())
    tenths = [later - earlier for earlier, later in pairwise(seconds)]
    rows = [
        ("rows/s from 5 to 95 %", f"{part['rows_per_second_until_95']:,.0f}"),
        ("rows/s in the slowest tenth", f"{part['rows'] / 10 / max(tenths):,.0f}"),
        (WAL.title, WAL.shown(part[WAL.key])),
        ("heap + indexes before, GB", before),
        ("after", after),
        ("client memory, MB", f"{part['client_memory_bytes_at_95'] / 1e6:.1f}"),
        ("first batch after s", _seconds(part["first_batch_seconds"])),
        *(
            (f"{what} s at 5 %, at 95 %", f"{_seconds(early)}, {_seconds(late)}")
            for what in ("resume", "report")
            for early, late in [[part[f"{what}_seconds_at_{percent}"] for percent in (5, 95)]]
        ),
        ("a run that only verifies, s", f"{part['verdict_seconds']:.0f}"),
    ]
    return ("", ""), rows


def vacuum_table(part: Document) -> Table:
    heads = ("--vacuum-every", "workers", HEAP.title, "rate / default's")
    rows = [
        (
            f"{one['vacuum_every_percent']:g} %",
            f"{one['workers']}",
            HEAP.shown(one["medians"][HEAP.key]),
            f"{one['medians']['ratio_to_default']:.2f}",
        )
        for one in part["settings_compared"]
    ]
    return heads, rows


def http_table(part: Document) -> Table:
    heads = ("during", "p99 ms", "rows/s")
    rows = [
        (
            one["title"],
            f"{one['medians']['p99_ms']:,.1f}",
            f"{one['medians']['rotated_rows_per_second']:,.0f}",
        )
        for one in part["situations"]
    ]
    return heads, rows


def report_table(part: Document) -> Table:
    keys = ("seconds", "first_byte_seconds", "longest_silence_seconds", "cancel_seconds")
    heads = (
        *("worker", f"first row after {part['slow_seconds']:g} s, all after s", "first byte s"),
        *("longest silence s", "cancelled after s", "memory more MB", "file MB"),
    )
    rows = [
        (
            one["kind"],
            *(f"{one['medians'][key]:.2f}" for key in keys),
            f"{one['medians']['memory_growth_mb']:.1f}",
            f"{one['medians']['file_bytes'] / 1e6:,.1f}",
        )
        for one in part["workers"]
    ]
    return heads, rows


def lists_table(part: Document) -> Table:
    """A line a command and length; a column a kind of list."""
    seconds: dict[tuple[str, int], dict[str, float]] = {}
    for each in part["commands"]:
        row = seconds.setdefault((each["command"], each["lines"]), {})
        row[each["kind"]] = each["medians"]["seconds"]
    kinds = list(dict.fromkeys(each["kind"] for each in part["commands"]))
    rows = [
        (command, f"{lines:,}", *(_seconds(row.get(kind)) for kind in kinds))
        for (command, lines), row in seconds.items()
    ]
    return ("command", "lines", *(f"{kind}: s" for kind in kinds)), rows


def intake_table(part: Document) -> Table:
    medians = part["medians"]
    heads = (
        "tokens",
        "answered after s",
        "dead after the answer s",
        "replay s",
        "customers' p99 ms",
    )
    row = (
        f"{part['tokens']:,}",
        f"{medians['answer_seconds']:.2f}",
        f"{medians['dead_after_seconds']:.2f}",
        f"{medians['replay_seconds']:.2f}",
        f"{medians['p99_ms']:,.1f}",
    )
    return heads, [row]


def verdicts_table(part: Document) -> Table:
    """A line a figure; a column a kind of traffic, if each is beside one."""
    verdicts = [(_with_keys(each["what"], part), *_judged(each)) for each in part["verdicts"]]
    if not all(BESIDE in what for what, *_ in verdicts):
        return ("bound", "", "", ""), verdicts
    lines: dict[str, dict[str, str]] = {}
    for what, *cells in verdicts:
        line, _, column = what.partition(BESIDE)
        lines.setdefault(line, {})[column] = " ".join(cells)
    columns = list(dict.fromkeys(column for cells in lines.values() for column in cells))
    rows = [(line, *(cells.get(each, "") for each in columns)) for line, cells in lines.items()]
    return ("bound", *columns), rows


def _judged(verdict: Mapping[str, Any]) -> tuple[str, str, str]:
    """The figure, its bound and whether it is met."""
    least, most, figure = (verdict[key] for key in ("needs_at_least", "needs_at_most", "figure"))
    bound = f"≥ {least:g}" if least is not None else f"≤ {most:g}"
    met = "✓" if verdict["passed"] else "**not met**"
    return f"{figure:,.{3 if figure < 1 else 2}f}", bound, met


def _with_keys(what: str, part: Document) -> str:
    """The keys of recipes for their titles, as the tables above say them."""
    recipes = {recipe["title"]: recipe["key"] for recipe in part.get("recipes", ())}
    for title in sorted(recipes, key=len, reverse=True):
        what = what.replace(title, recipes[title])
    return what


def _shown(figure: float | None, shown: Callable[[float], str]) -> str:
    return UNKNOWN if figure is None else shown(figure)


def _seconds(figure: float | None) -> str:
    return _shown(figure, lambda seconds: f"{seconds:.2f}")
