"""What can be asked for."""

import argparse
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arguments:
    minutes: float
    rows: int
    seed: int
    only: tuple[str, ...] = ()


def parse_arguments(names: Sequence[str]) -> Arguments:
    """Read the command line; ends the process on bad input. ``names`` are those of the faults."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Leak every token again and again, rotate under application writes and random "
        "faults, and check after each round that every promise was kept. Uses a temporary "
        "PostgreSQL of its own; DATABASE_URL and var/ are not touched. "
        "Exit codes: 0 every round was clean, 1 a promise was broken, 2 it could not be played.",
    )
    parser.add_argument(
        "--minutes", type=_minutes, required=True, metavar="M",
        help="begin rounds for this long; the last one is played to its end",
    )  # fmt: skip
    parser.add_argument(
        "--rows", type=_rows, default=50_000, metavar="N",
        help="leaked rows in each round (default: 50000)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=_seed, default=None, metavar="S",
        help="choose options, faults and writes as an earlier soak did; their timing still varies",
    )  # fmt: skip
    parser.add_argument(
        "--only", action="append", choices=names, default=[], metavar="FAULT",
        help=f"inflict this fault alone; may be repeated (default: all of {', '.join(names)})",
    )  # fmt: skip
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    return Arguments(given.minutes, given.rows, seed, tuple(given.only))


def _minutes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return number


def _rows(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 100")
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
