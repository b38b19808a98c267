"""``manage.py fill_column``: fill the pending rows of a shadow column, or report."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.management.command import TokenCommand, add_database
from token_rotation.management.pace_flags import BATCH_SIZES, PACE
from token_rotation.management.request_flags import add_requests
from token_rotation.management.rotate_flags import PROGRESS
from token_rotation.management.rotate_request import rotation_options
from token_rotation.run.filling.ask import ask_fills
from token_rotation.run.filling.fill import Fill
from token_rotation.run.filling.report import plan_fill, report_fill
from token_rotation.run.one_after_another import TargetEnd, one_after_another
from token_rotation.selection.shadow import Shadow
from token_rotation.targets.shadows import find_shadows

OF_TOKENS = {"independent_tokens"}


class Command(TokenCommand):
    help = (
        "Fill the columns that ShadowColumn declares, in short batches, while the application "
        "runs. Run it again after any interruption: it continues where the data says. Exit codes: "
        "0 nothing is pending, 1 error, 3 rows are pending."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "columns",
            nargs="*",
            metavar="app.Model",
            help="columns to fill, one after another; app.Model.field names one of several "
            "(default: every shadow column)",
        )
        add_database(parser)
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--dry-run", action="store_true", help="say what a fill would do, and write nothing"
        )
        instead.add_argument(
            "--report", action="store_true", help="say what is pending, and write nothing"
        )
        add_requests(instead, "running fills")
        parser.add_argument(
            "--exact", action="store_true", help="with --report: read the table to its end"
        )
        pace = parser.add_argument_group("how fast")
        sizes = pace.add_mutually_exclusive_group()
        for flag in BATCH_SIZES:
            flag.add_to(sizes)
        for flag in PACE:
            if flag.dest not in OF_TOKENS:
                flag.add_to(pace)
        PROGRESS.add_to(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        if parsed["exact"] and not parsed["report"]:
            raise CommandError("--exact goes with --report. Nothing was done.")
        options, output = rotation_options(parsed), self.output(parsed["progress"] or "auto")

        def fill(target: Shadow) -> TargetEnd:
            if parsed["report"]:
                return TargetEnd(report_fill(target, output, exact=parsed["exact"]))
            if parsed["dry_run"]:
                return TargetEnd(plan_fill(target, options, output))
            run = Fill(target, options, output)
            return TargetEnd(run.run(), run.stopped)

        shadows = find_shadows(parsed["database"], parsed["columns"])
        if parsed["request"] is not None:
            labels = [each.label for each in shadows] if parsed["columns"] else []
            waits = output.show_waits()
            output.say(ask_fills(parsed["database"], labels, parsed["request"], observe=waits))
            return ExitCode.DONE
        return one_after_another(shadows, fill, output.warn)
