"""The figures of what is measured beside traffic, as heads and rows of text."""

from collections.abc import Sequence

from benchmark.page.tables import Document, Table

WINDOWS_SHOWN = 8


def traffic_table(part: Document) -> Table:
    """A column a rate, a line a recipe: its rate, and what it adds."""
    heads = ("", *(_per_second(traffic["transactions_per_second"]) for traffic in part["traffic"]))
    lines = zip(*(traffic["recipes"] for traffic in part["traffic"]), strict=True)
    rows = [
        (
            line[0]["key"],
            *(
                f"{one['ratio_to_loop_alone']:.2f}, "
                + _with_interval(one["added_ms"], one["added_ms_between"])
                for one in line
            ),
        )
        for line in lines
    ]
    return heads, rows


def _with_interval(added: float, between: Sequence[float]) -> str:
    least, most = between
    return f"{added:+.1f} ({least:.1f}–{most:.1f})"


def _per_second(rate: float | None) -> str:
    return "full load" if rate is None else f"{rate:g}/s"


def bursts_table(part: Document) -> Table:
    """A column a window: what is added since the burst began, and the rate since it ended."""
    shown = slice(WINDOWS_SHOWN)
    added, rates = part["added_p99_ms"][shown], part["rates_to_full_afterwards"][shown]
    seconds = [part["window_seconds"] * number for number in range(max(len(added), len(rates)))]
    lines = (
        ("ms added to p99", [f"{each:+.1f}" for each in added]),
        ("rate afterwards", [f"{each:.2f}" for each in rates]),
    )
    rows = [(name, *cells, *[""] * (len(seconds) - len(cells))) for name, cells in lines]
    return ("from second", *(f"{each:g}" for each in seconds)), rows


def slow_table(part: Document) -> Table:
    heads = ("", "rows/s", f"ms added to p{part['judged_percent']}")
    rows = [
        (
            one["title"],
            f"{one['rows_per_second']:,.0f}",
            _with_interval(one["added_ms"], one["added_ms_between"]),
        )
        for one in part["recipes"]
    ]
    return heads, rows
