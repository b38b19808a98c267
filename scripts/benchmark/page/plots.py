"""The figures as PNG: `python -m benchmark.page.plots DIRECTORY`, of the parts that are there."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # before pyplot: no display is needed

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from benchmark.page.page import conditions, plot_file, read_parts
from benchmark.page.tables import Document

OURS, OTHERS = "#1b7f5c", "#9aa5b1"
INCHES = (9.0, 5.0)
ABOVE_CAPTION = (0.0, 0.05, 1.0, 0.95)


def main(directory: Path) -> None:
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
    for part in read_parts(directory):
        for name, draw in _PLOTS.get(part["part"], {}).items():
            figure = draw(part)
            figure.text(0.01, 0.01, conditions(part).replace("`", ""), fontsize=6.5, color="#555")
            figure.savefig(directory / plot_file(name, part), dpi=140, metadata={"Software": None})
            plt.close(figure)


def _speed(part: Document) -> Figure:
    figure, axes = _bars_sheet("Rows a second")
    rates = [recipe["medians"]["rows_per_second"] for recipe in part["recipes"]]
    _bars(axes, part, rates, [f"{rate:,.0f}" for rate in rates])
    axes.set_xscale("log")
    return figure


def _disk(part: Document) -> Figure:
    figure, sheets = plt.subplots(1, 3, figsize=(12, 5), layout=_layout(), sharey=True)
    keys = ("heap_growth", "index_growth", "wal_bytes_per_row")
    titles = ("Heap, times its size before", "Indexes, times", "WAL bytes a row")
    for axes, key, title in zip(sheets, keys, titles, strict=True):
        values = [recipe["medians"][key] for recipe in part["recipes"]]
        _bars(
            axes,
            part,
            values,
            [f"{value:,.2f}" if value < 100 else f"{value:,.0f}" for value in values],
        )
        axes.set_title(title, loc="left")
    sheets[0].invert_yaxis()
    return figure


def _resume(part: Document) -> Figure:
    figure, axes = _bars_sheet("Seconds until it goes on, killed at 50 % (hollow) and at 95 %")
    for number, recipe in enumerate(part["recipes"]):
        for percent, face in ((50, "none"), (95, _colour(recipe))):
            seconds = recipe["medians"][f"resume_seconds_at_{percent}"]
            if seconds is not None:
                axes.scatter(seconds, number, s=50, facecolors=face, edgecolors=_colour(recipe))
    axes.set_yticks(range(len(part["recipes"])), [_label(recipe) for recipe in part["recipes"]])
    axes.set_xlim(left=0)
    return figure


def _traffic(part: Document) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 5), layout=_layout())
    for traffic in part["traffic"]:
        rate = traffic["transactions_per_second"]
        label = "full load" if rate is None else f"{rate:g}/s"
        recipes = sorted(traffic["recipes"], key=lambda one: float(one["rows_per_second"]))
        axes.plot(
            [one["added_ms"] for one in recipes],
            [one["rows_per_second"] for one in recipes],
            marker="o",
            label=label,
        )
    axes.set_xlabel("added to the traffic's judged percentile, ms")
    axes.set_ylabel("rows a second")
    axes.legend()
    return figure


def _scale(part: Document) -> Figure:
    figure, sheets = plt.subplots(1, 3, figsize=(12, 4), layout=_layout())
    lines: tuple[Mapping[str, str], ...] = (
        {
            "rows_per_second": "rows a second",
            "independent_rows_per_second": "with --independent-tokens",
        },
        {"peak_client_memory_bytes": "peak client memory, bytes"},
        {
            "first_batch_seconds": "first batch, s",
            "resume_seconds_at_5": "resume at 5 %, s",
            "resume_seconds_at_95": "resume at 95 %, s",
            "report_seconds_at_5": "report at 5 %, s",
            "report_seconds_at_95": "report at 95 %, s",
        },
    )
    for axes, some in zip(sheets, lines, strict=True):
        for key, label in some.items():
            points = [(one["rows"], one["medians"].get(key)) for one in part["sizes"]]
            known = [(rows, value) for rows, value in points if value is not None]
            if known:
                axes.plot(*zip(*known, strict=True), marker="o", label=label)
        axes.set_xscale("log")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.3)  # room for the legend
        axes.set_xlabel("rows of the table")
        axes.legend(frameon=False)
    return figure


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(rect=ABOVE_CAPTION)


def _bars_sheet(title: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=INCHES, layout=_layout())
    axes.set_title(title, loc="left")
    axes.invert_yaxis()
    return figure, axes


def _bars(axes: Axes, part: Document, values: Sequence[float], shown: Sequence[str]) -> None:
    recipes = part["recipes"]
    bars = axes.barh(range(len(recipes)), values, color=[_colour(recipe) for recipe in recipes])
    axes.bar_label(bars, labels=shown, padding=3)
    axes.set_yticks(range(len(recipes)), [_label(recipe) for recipe in recipes])
    axes.margins(x=0.2)


def _label(recipe: Document) -> str:
    return f"{recipe['title']}\n{recipe['rows']:,} rows"


def _colour(recipe: Document) -> str:
    return OURS if recipe["key"].startswith("rotate-") else OTHERS


_PLOTS: Mapping[str, Mapping[str, Callable[[Document], Figure]]] = {
    "speed": {"speed": _speed, "disk": _disk},
    "traffic": {"traffic": _traffic},
    "resume": {"resume": _resume},
    "scale": {"scale": _scale},
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
