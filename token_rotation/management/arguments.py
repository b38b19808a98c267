"""The options of ``rotate_tokens``, and what they are turned into."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import CommandParser

from token_rotation.command_line.argument_types import (
    database_alias,
    non_negative_int,
    percent,
    positive_int,
    positive_seconds,
    seconds,
    worker_count,
)
from token_rotation.management.selection_arguments import add_proof, add_selection, check_selection
from token_rotation.options import RotationOptions
from token_rotation.reporting.formats import FORMATS
from token_rotation.run.display import MODES

DEFAULTS = RotationOptions()
INSTEAD = ("dry_run", "stop", "report", "verify", "verify_retired", "replay_since")
INSTEAD_IN_WORDS = "--dry-run, --stop, --report, --verify, --verify-retired and --replay-since"


def add_arguments(parser: CommandParser) -> None:
    """Declare every option, grouped as --help shows them."""
    parser.add_argument(
        "--database",
        type=database_alias,
        default="default",
        metavar="ALIAS",
        help="database to rotate on (default: default)",
    )
    _add_rotation(parser.add_argument_group("rotation"))
    add_selection(parser.add_argument_group("which tokens"))
    _add_gentleness(parser.add_argument_group("giving way to others"))
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run", action="store_true", help="say what would be done and write nothing"
    )
    instead.add_argument(
        "--stop",
        action="store_true",
        help="ask every running rotation of the database to end after its batch",
    )
    instead.add_argument(
        "--report", action="store_true", help="say where things stand and write nothing"
    )
    instead.add_argument(
        "--verify",
        metavar="FILE",
        help="say how many of the tokens in a file (-: standard input), or of their SHA-256, are "
        "still valid; exit code 3 if any is",
    )
    instead.add_argument(
        "--verify-retired",
        action="store_true",
        help="the same of every token that was replaced, where a model keeps retired tokens: needs "
        "no list",
    )
    instead.add_argument(
        "--replay-since",
        metavar="TIME",
        help="send the signal tokens_rotated again for every row whose token was issued since then "
        "(a time as with --issued-before); rotates nothing",
    )
    _add_report(parser.add_argument_group("report"))
    add_proof(parser.add_argument_group("proof"))
    _add_spread(parser.add_argument_group("many machines"))


def rotation_options(options: dict[str, Any]) -> RotationOptions:
    """The engine's options from the parsed command line."""
    return RotationOptions(
        workers=options["workers"],
        target_batch_seconds=options["target_batch_seconds"],
        batch_rows=options["batch_rows"],
        limit_rows=options["limit"],
        wait_for_locks_seconds=options["wait_for_locks"],
        retry_seconds=options["retry_seconds"],
        traffic_batch_rows=options["traffic_batch_rows"],
        vacuum_every_percent=options["vacuum_every"],
        independent_tokens=options["independent_tokens"],
        pause_seconds=options["pause_seconds"],
        max_rows_per_second=options["max_rows_per_second"],
        max_replica_lag_seconds=options["max_replica_lag"],
        max_active_queries=options["max_active_queries"],
    )


def check_together(options: dict[str, Any]) -> str | None:
    """What does not go together on the command line, in a sentence; None when all does."""
    if (options["format"] or options["exact"]) and not options["report"]:
        return "--format and --exact go with --report."
    instead = [name for name in INSTEAD if options[name]]
    if options["finish"] and instead:
        return f"--finish goes with none of {INSTEAD_IN_WORDS}."
    spread = "--async" if options["async"] else "--follow" if options["follow"] else None
    if spread and instead:
        return f"{spread} goes with none of {INSTEAD_IN_WORDS}."
    if spread and options["finish"]:
        return f"--finish does not go with {spread}: it is for when nothing is pending."
    if options["batch_rows"] and options["target_batch_seconds"] != DEFAULTS.target_batch_seconds:
        return "--batch-rows fixes the batch size, --target-batch-seconds adapts it: give one."
    if options["async"] and options["limit"] is not None:
        return "--limit does not go with --async: take the canary here, without it."
    if options["async"] and options["max_rows_per_second"] is not None:
        return (
            "--max-rows-per-second does not go with --async: nobody counts for all workers. "
            "--pause-seconds and --max-active-queries hold each of them back."
        )
    return check_selection(options)


def _add_rotation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--workers",
        type=worker_count,
        default=DEFAULTS.workers,
        metavar="N",
        help="batches at the same time, each on a connection of its own (default: 1, the gentlest)",
    )
    group.add_argument(
        "--target-batch-seconds",
        type=positive_seconds,
        default=DEFAULTS.target_batch_seconds,
        metavar="SECONDS",
        help="how long a batch may hold its row locks; the batch size adapts (default: 0.2)",
    )
    group.add_argument(
        "--batch-rows", type=positive_int, metavar="N", help="fix the batch size instead"
    )
    group.add_argument(
        "--limit", type=positive_int, metavar="N", help="rotate at most N rows, as a canary"
    )
    group.add_argument(
        "--independent-tokens",
        action="store_true",
        help="draw each token by itself: on tables of some 400,000 rows and more, "
        "neighbours otherwise share their first 1 to 4 digits, which spares the index",
    )
    group.add_argument(
        "--finish",
        action="store_true",
        help="when nothing is pending, clean up: VACUUM the table, and build the token's indexes "
        "anew if they have grown; traffic goes on",
    )
    group.add_argument(
        "--retry-seconds",
        type=seconds,
        default=DEFAULTS.retry_seconds,
        metavar="SECONDS",
        help="how long the database may fail before the run gives up (default: 60)",
    )
    group.add_argument(
        "--progress",
        choices=MODES,
        default="auto",
        help="auto: a bar on a terminal, a line every few seconds elsewhere",
    )


def _add_gentleness(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--wait-for-locks",
        type=seconds,
        default=DEFAULTS.wait_for_locks_seconds,
        metavar="SECONDS",
        help="how long to wait at the end for rows that others hold (default: 30)",
    )
    group.add_argument(
        "--traffic-batch-rows",
        type=non_negative_int,
        default=DEFAULTS.traffic_batch_rows,
        metavar="N",
        help="largest batch while other sessions work on the server; 0: pay no regard to them "
        f"(default: {DEFAULTS.traffic_batch_rows})",
    )
    group.add_argument(
        "--vacuum-every",
        type=percent,
        default=DEFAULTS.vacuum_every_percent,
        metavar="PERCENT",
        help="VACUUM the table beside the batches whenever so many percent of its rows were done,"
        " so that it hardly grows; 0: never (default: 10)",
    )
    group.add_argument(
        "--pause-seconds",
        type=seconds,
        default=DEFAULTS.pause_seconds,
        metavar="SECONDS",
        help="pause between two batches (default: 0)",
    )
    group.add_argument(
        "--max-rows-per-second", type=positive_int, metavar="N", help="rotate no faster than this"
    )
    group.add_argument(
        "--max-replica-lag",
        type=positive_seconds,
        metavar="SECONDS",
        help="pause while a standby is further behind, until it is below half of that",
    )
    group.add_argument(
        "--max-active-queries",
        type=positive_int,
        metavar="N",
        help="pause while more backends than this are active",
    )


def _add_report(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--format", choices=tuple(FORMATS), help="of the report (default: text)")
    group.add_argument(
        "--exact", action="store_true", help="count every row, however long that takes"
    )


def _add_spread(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--async",
        action="store_true",
        help="let Celery workers rotate, on any number of machines, and return at once",
    )
    group.add_argument(
        "--follow",
        action="store_true",
        help="show the progress of all workers together, to the end; Ctrl-C ends only the showing",
    )
