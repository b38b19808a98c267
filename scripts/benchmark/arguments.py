"""What can be asked for."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.recipes import BASELINE, COMPARED
from benchmark.recipes.recipe import Recipe

PARTS = {
    "speed": "rows a second, memory, disk and WAL of each recipe, without traffic",
    "traffic": "rows a second against what is added to the delays of traffic, at many rates",
    "bursts": "how soon a rotation gives way to a burst of traffic, and is fast again",
    "slow": "a budget of 2 ms on a server with too little processor; needs root",
    "jobs": "a job with a cursor beside traffic, within its budget",
    "inserts": "what the guard's trigger costs an INSERT",
    "bookkeeping": "the share of progress, record and counts in the run time",
    "resume": "how soon each recipe goes on after SIGKILL at 50 and at 95 %%",
    "scale": "the default rotation on tables of many sizes",
    "large": "one rotation of a table that is larger than memory: an hour, and 64 GB of disk",
    "vacuum": "rate and growth of the table by how often a VACUUM runs beside the batches",
    "http": "what customers who open their tickets over HTTP feel of a rotation; needs wrk",
    "lists": "how soon a list of leaked tokens is rotated, and verified",
    "intake": "how soon 1,000 tokens of a signed report are dead, beside customers; needs wrk",
    "report": "a CSV report over HTTP whose query is slow on purpose",
    "verification": "the share of the read of the table at the end in the run time",
    "derived": "what it costs to keep a column in step that derives from the token",
    "checksum": "what a checksum in the token costs, also before PostgreSQL 18",
}
ONLY_WHEN_ASKED = (
    "traffic",
    "bursts",
    "slow",
    "jobs",
    "scale",
    "large",
    "vacuum",
    "http",
    "lists",
    "intake",
    "report",
    "verification",
    "derived",
    "checksum",
)
DEFAULT_PARTS = tuple(part for part in PARTS if part not in ONLY_WHEN_ASKED)
DEFAULT_SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
DEFAULT_RATES = (10.0, 50.0, 300.0, 1_000.0, 2_500.0, None)
MOST = "max"
DEFAULT_ROWS, QUICK_ROWS = 1_000_000, 5_000
LARGE_ROWS, QUICK_LARGE_ROWS = 100_000_000, 200_000
DEFAULT_ROUNDS, QUICK_ROUNDS = 3, 1
LOAD_SECONDS, QUICK_LOAD_SECONDS = 20, 1
SLOW_SECONDS, QUICK_SLOW_SECONDS = 60.0, 1.0
MEASUREMENTS = Path(__file__).resolve().parents[2] / "docs" / "measurements"


@dataclass(frozen=True, slots=True)
class Arguments:
    """`command` is what was typed, without --output; `parts` are keys of PARTS, in their order.

    `quick`: as briefly as it can be done. `settings` are the server's; `load_seconds` is for each
    situation of --http, `slow_seconds` before the first row of --report. `rates` are those of
    --traffic, None for as many transactions as saturate the cores.
    """

    command: str
    parts: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    rows: int
    sizes: tuple[int, ...]
    large_rows: int
    rates: tuple[float | None, ...]
    rounds: int
    quick: bool
    load_seconds: int
    slow_seconds: float
    settings: Mapping[str, str]
    output: Path

    def rows_of(self, part: str) -> int | list[int]:
        """The rows that a part was measured with; all sizes where there are several."""
        others: dict[str, int | list[int]] = {
            "scale": list(self.sizes),
            "large": self.large_rows,
        }
        return others.get(part, self.rows)

    def rounds_of(self, part: str) -> int:
        """How often a part was measured: the large table once."""
        return 1 if part == "large" else self.rounds


def parse_arguments(typed: Sequence[str]) -> Arguments:
    """Read the command line; ends the process on bad input."""
    given = _parser().parse_args(typed)
    rows, rounds = DEFAULT_ROWS, DEFAULT_ROUNDS
    sizes: tuple[int, ...] = DEFAULT_SIZES
    if given.quick:
        rows, rounds, sizes = QUICK_ROWS, QUICK_ROUNDS, (QUICK_ROWS // 10, QUICK_ROWS)
    return Arguments(
        command=" ".join(("scripts/bench", *_without_output(typed))),
        parts=tuple(part for part in PARTS if getattr(given, part)) or DEFAULT_PARTS,
        recipes=given.recipes,
        rows=given.rows or rows,
        sizes=given.scale_rows or sizes,
        large_rows=given.rows or (QUICK_LARGE_ROWS if given.quick else LARGE_ROWS),
        rates=given.traffic_rates,
        rounds=given.rounds or rounds,
        quick=given.quick,
        load_seconds=QUICK_LOAD_SECONDS if given.quick else LOAD_SECONDS,
        slow_seconds=QUICK_SLOW_SECONDS if given.quick else SLOW_SECONDS,
        settings=dict(given.server),
        output=given.output,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        allow_abbrev=False,
        description="Measure ways to rotate every token on a temporary PostgreSQL with default "
        "settings, unless --server is given, and 1 GB of recycled WAL segments, unless --quick is; "
        "DATABASE_URL and var/ are not used. Figures go to files under --output: one JSON a "
        "part, bench.md and plots of all that are there. Exit codes: 0 every figure is as it must "
        "be, 1 one is not, 2 it could not be measured.",
    )
    some = parser.add_argument_group(f"parts (default: all but --{', --'.join(ONLY_WHEN_ASKED)})")
    for part, what in PARTS.items():
        some.add_argument(f"--{part}", action="store_true", help=what)
    parser.add_argument(
        "--recipes", type=_recipes, default=COMPARED, metavar="NAME,...",
        help="only these, and the single UPDATE: " + ", ".join(one.key for one in COMPARED),
    )  # fmt: skip
    parser.add_argument(
        "--rows", type=_positive, metavar="N",
        help=f"leaked rows of the table (default: {DEFAULT_ROWS}; --large: {LARGE_ROWS}); slow "
        "recipes take fewer",
    )  # fmt: skip
    parser.add_argument(
        "--scale-rows", type=_sizes, metavar="N,...",
        help=f"the sizes of --scale (default: {','.join(map(str, DEFAULT_SIZES))})",
    )  # fmt: skip
    parser.add_argument(
        "--traffic-rates", type=_rates, default=DEFAULT_RATES, metavar="N,...",
        help=f"transactions a second of --traffic, {MOST} for as many as saturate the cores "
        f"(default: 10,50,300,1000,2500,{MOST})",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=_positive, metavar="N",
        help=f"how often everything is measured; medians are shown (default: {DEFAULT_ROUNDS})",
    )  # fmt: skip
    parser.add_argument(
        "--server", type=_setting, action="append", default=[], metavar="NAME=VALUE",
        help="a setting of the server, e.g. max_wal_size=16GB; several allowed. The figures go to "
        "files of their own, beside those of the defaults",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true",
        help=f"one round of {QUICK_ROWS} rows, no warm-up: shows that it works, measures nothing; "
        "so few rows do not meet the bounds, and the exit code says so",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=MEASUREMENTS, metavar="DIRECTORY",
        help="where the figures go (default: docs/measurements)",
    )  # fmt: skip
    return parser


def _without_output(typed: Sequence[str]) -> list[str]:
    """No figure depends on it, and a path says something of a machine."""
    other = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    other.add_argument("--output")
    return other.parse_known_args(typed)[1]


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and value and re.fullmatch(r"[a-z_]+", name)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({_positive(size) for size in text.split(",")}))


def _rates(text: str) -> tuple[float | None, ...]:
    return tuple(None if rate == MOST else float(_positive(rate)) for rate in text.split(","))


def _recipes(text: str) -> tuple[Recipe, ...]:
    known = {recipe.key for recipe in COMPARED}
    wanted = set(text.split(","))
    if unknown := wanted - known:
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))!r}: no such recipe; there are {', '.join(sorted(known))}"
        )
    return tuple(one for one in COMPARED if one.key in wanted or one is BASELINE)
