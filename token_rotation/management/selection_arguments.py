"""The options of ``rotate_tokens`` about which tokens, and about proof."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

SELECTING = {
    "issued_before": "--issued-before",
    "where": "--where",
    "only": "--only",
    "first": "--first",
}
NOTHING_TO_PROVE = {
    "dry_run": "--dry-run",
    "stop": "--stop",
    "verify": "--verify",
    "verify_retired": "--verify-retired",
    "replay_since": "--replay-since",
}


def add_selection(group: argparse._ArgumentGroup) -> None:
    """Declare which rows a rotation may be aimed at."""
    group.add_argument(
        "--issued-before",
        metavar="TIME",
        help="a second leak: rotate every token issued before then, also those rotated already. "
        "2026-11-22T04:00+00:00, 2026-11-22, now, or 2h ago (s, min, h, d); without an offset a "
        "time is one of the setting TIME_ZONE",
    )
    group.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="FIELD[__LOOKUP]=VALUE",
        help="only rows of which this Django filter is true, as in status=open or "
        "created_at__gte=2026-01-01; several must all be true",
    )
    lists = group.add_mutually_exclusive_group()
    lists.add_argument(
        "--only",
        metavar="FILE",
        help="rotate the rows that a file (-: standard input) lists, by leaked token or by primary "
        "key, and no others. A value a line, or CSV with a header",
    )
    lists.add_argument(
        "--first", metavar="FILE", help="rotate the rows that a file lists, then all the others"
    )
    group.add_argument(
        "--list-of",
        choices=("tokens", "keys"),
        help="what the file lists, where that is not clear from its header or first line",
    )


def add_proof(group: argparse._ArgumentGroup) -> None:
    """Declare what else a look at listed tokens, or at the end, may give."""
    group.add_argument(
        "--hashed", action="store_true", help="the file of --verify holds SHA-256 of tokens"
    )
    group.add_argument(
        "--evidence",
        metavar="FILE",
        help="write at the end, as JSON without any secret, what was done and what is so now",
    )


def check_selection(options: dict[str, Any]) -> str | None:
    """What does not go together, in a sentence; None when all does."""
    return next((sentence for unfit, sentence in _unfit(options) if unfit), None)


def _unfit(options: dict[str, Any]) -> Iterator[tuple[object, str]]:
    selecting = " and ".join(name for option, name in SELECTING.items() if options[option])
    listed = "--only" if options["only"] else "--first" if options["first"] else None
    verify, list_of = options["verify"], options["list_of"]
    spread = "--async" if options["async"] else "--follow" if options["follow"] else None
    yield verify and selecting, f"{selecting}: not with --verify, which looks at every row."
    yield (
        options["verify_retired"] and selecting,
        f"{selecting}: not with --verify-retired, which looks at every row.",
    )
    yield options["hashed"] and not verify, "--hashed goes with --verify."
    yield options["hashed"] and list_of, "--hashed and --list-of are two words for one thing."
    yield list_of and not (listed or verify), "--list-of goes with --only, --first or --verify."
    yield verify and list_of == "keys", "--list-of keys: not with --verify; a key opens nothing."
    yield (
        options["stop"] and selecting,
        f"{selecting}: not with --stop, which stops every rotation.",
    )
    yield (
        options["replay_since"] and selecting,
        f"{selecting}: not with --replay-since, which sends every row with a later token.",
    )
    yield spread and listed, f"{listed}: not with {spread}; workers cannot read the file."
    yield (
        options["follow"] and not options["async"] and selecting,
        f"{selecting}: not with --follow, which shows what was begun.",
    )
    yield (
        options["report"] and listed,
        f"{listed}: not with --report; --verify says what is still valid.",
    )
    instead = next((name for key, name in NOTHING_TO_PROVE.items() if options[key]), spread)
    yield options["evidence"] and instead, f"--evidence: not with {instead}; add it to --report."
