"""What can be asked for."""

import argparse
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arguments:
    rooms: tuple[str, ...]
    sample: int | None
    seed: int
    workers: int
    minutes: float | None
    again: bool
    list_only: bool


def parse_arguments() -> Arguments:
    """Read the command line; ends the process on bad input."""
    parser = argparse.ArgumentParser(
        prog="scripts/mutants",
        description="Change the code in small ways, one at a time, and run the tests that run the "
        "changed line. A change that no test notices has survived. What is changed: "
        "scripts/mutation/rooms.toml. Writes var/mutants/survivors.txt and, when it judged every "
        "room, docs/measurements/mutants.md. Uses temporary servers of its own; DATABASE_URL is "
        "not touched. Exit codes: 0 judged, 1 not judged.",
    )
    parser.add_argument(
        "--rooms", default="", metavar="NAMES",
        help="judge these rooms alone, as in guard,sql (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--sample", type=int, default=None, metavar="N",
        help="judge about N mutants, from each module its due (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=None, metavar="S",
        help="choose the sample as an earlier run did (default: by chance)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="judge N at a time, each on a server of its own (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--minutes", type=float, default=None, metavar="M",
        help="judge for so long, in random order (default: until all are judged)",
    )  # fmt: skip
    parser.add_argument(
        "--again", action="store_true",
        help="judge only what survived the last time, after tests were added",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the mutants and judge none")
    given = parser.parse_args()
    return Arguments(
        rooms=tuple(filter(None, given.rooms.split(","))),
        sample=given.sample,
        seed=secrets.randbelow(1_000_000) if given.seed is None else given.seed,
        workers=given.workers,
        minutes=given.minutes,
        again=given.again,
        list_only=given.list,
    )
