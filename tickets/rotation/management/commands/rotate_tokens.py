"""``manage.py rotate_tokens``: rotate every pending token, or say where things stand."""

from __future__ import annotations

import argparse
import math
import sys
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser

from tickets.rotation.discovery import find_targets
from tickets.rotation.display import MODES
from tickets.rotation.errors import RotationError
from tickets.rotation.management.one_line import OneLineCommand, database_alias, positive_int
from tickets.rotation.options import RotationOptions
from tickets.rotation.report import make_report
from tickets.rotation.report_format import FORMATS
from tickets.rotation.run import Run
from tickets.rotation.target import Target
from tickets.rotation.wording import count

NOTHING_PENDING = 0
ROWS_PENDING = 3
DEFAULTS = RotationOptions()


class Command(OneLineCommand):
    help = (
        "Give every ticket whose token may be leaked a fresh token, in short batches, while the "
        "application runs. Run it again after any interruption: it goes on where the data says. "
        "Exit codes: 0 nothing is pending, 1 error, 3 rows are still pending."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database", type=database_alias, default="default", metavar="ALIAS",
            help="database to rotate on (default: default)",
        )  # fmt: skip
        self._add_rotation_arguments(parser)
        self._add_report_arguments(parser)

    def _add_rotation_arguments(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("rotation")
        group.add_argument(
            "--target-batch-seconds", type=positive_seconds, metavar="SECONDS",
            default=DEFAULTS.target_batch_seconds,
            help="how long a batch may hold its row locks; the batch size adapts (default: 0.2)",
        )  # fmt: skip
        group.add_argument(
            "--batch-rows", type=positive_int, metavar="N", help="fix the batch size instead"
        )
        group.add_argument(
            "--limit", type=positive_int, metavar="N", help="rotate at most N rows, as a canary"
        )
        group.add_argument(
            "--wait-for-locks", type=seconds, metavar="SECONDS",
            default=DEFAULTS.wait_for_locks_seconds,
            help="how long to wait at the end for rows that others hold (default: 30)",
        )  # fmt: skip
        group.add_argument(
            "--retry-seconds", type=seconds, metavar="SECONDS", default=DEFAULTS.retry_seconds,
            help="how long the database may fail before the run gives up (default: 60)",
        )  # fmt: skip
        group.add_argument(
            "--dry-run", action="store_true", help="say what would be done and write nothing"
        )
        group.add_argument(
            "--progress", choices=MODES, default="auto",
            help="auto: a bar on a terminal, a line every few seconds elsewhere",
        )  # fmt: skip

    def _add_report_arguments(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("report")
        group.add_argument(
            "--report", action="store_true", help="say where things stand and write nothing"
        )
        group.add_argument("--format", choices=tuple(FORMATS), default="text")
        group.add_argument(
            "--exact", action="store_true", help="count every row, however long that takes"
        )

    def handle(self, **options: Any) -> None:
        try:
            targets = find_targets(options["database"])
            if options["report"]:
                complete = self._report(targets, options)
            else:
                ends = [self._rotate(target, options) for target in targets]
                complete = all(ends)
        except RotationError as error:
            raise CommandError(str(error)) from error
        if not complete:
            sys.exit(ROWS_PENDING)

    def _report(self, targets: list[Target], options: dict[str, Any]) -> bool:
        reports = [make_report(target, exact=options["exact"]) for target in targets]
        self.stdout.write(FORMATS[options["format"]](reports))
        return all(report.complete for report in reports)

    def _rotate(self, target: Target, options: dict[str, Any]) -> bool:
        run = Run(
            target,
            progress_mode=options["progress"],
            out=cast(TextIO, self.stdout._out),
            err=cast(TextIO, self.stderr._out),
        )
        if options["dry_run"]:
            return self._dry_run(run, target, options)
        return run.rotate(
            RotationOptions(
                target_batch_seconds=options["target_batch_seconds"],
                batch_rows=options["batch_rows"],
                limit_rows=options["limit"],
                wait_for_locks_seconds=options["wait_for_locks"],
                retry_seconds=options["retry_seconds"],
            )
        )

    def _dry_run(self, run: Run, target: Target, options: dict[str, Any]) -> bool:
        pending = run.look()
        rows = pending.rows if options["limit"] is None else min(options["limit"], pending.rows)
        size = (
            f"sized to {options['target_batch_seconds']:g} s each"
            if options["batch_rows"] is None
            else f"of {options['batch_rows']:,} rows"
        )
        self.stdout.write(
            f"{target.label}: would rotate {count(rows, is_estimate=pending.is_estimate)} of "
            f"{count(pending.rows, is_estimate=pending.is_estimate)} pending rows in batches "
            f"{size}. Guard and indexes are in order. Nothing was written."
        )
        return pending.rows == 0


def seconds(text: str) -> float:
    """Argument type: a finite number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def positive_seconds(text: str) -> float:
    """Argument type: a finite number of seconds above 0."""
    number = seconds(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number
