"""What can be asked for."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Arguments:
    rows: int
    rounds: int
    json: Path | None
    speed: bool
    latency: bool


def parse_arguments() -> Arguments:
    """Read the command line; ends the process on bad input."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the rotation against one plain UPDATE, and what traffic feels of it, "
        "on a temporary PostgreSQL with default settings. DATABASE_URL and var/ are not used. "
        "Exit codes: 0 both ratios are as they must be, 1 one is not, 2 it could not be measured.",
    )
    parser.add_argument(
        "--rows", type=_positive, default=1_000_000, metavar="N",
        help="leaked rows that each run starts with (default: 1000000)",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=_positive, default=3, metavar="N",
        help="how often everything is measured; medians are shown (default: 3)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--speed", action="store_true", help="only rows a second, without traffic")
    part.add_argument("--latency", action="store_true", help="only what traffic feels")
    given = parser.parse_args()
    return Arguments(
        rows=given.rows,
        rounds=given.rounds,
        json=given.json,
        speed=not given.latency,
        latency=not given.speed,
    )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
