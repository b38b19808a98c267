"""``manage.py rotate_tokens``: rotate every pending token, or say where things stand."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser

from tickets.rotation.connection import own_session
from tickets.rotation.discovery import find_targets
from tickets.rotation.errors import NotReadyError, RotationError
from tickets.rotation.history import last_runs
from tickets.rotation.management.arguments import (
    add_arguments,
    check_together,
    rotation_options,
)
from tickets.rotation.management.one_line import OneLineCommand
from tickets.rotation.record import request_stop
from tickets.rotation.report import make_report
from tickets.rotation.report_format import FORMATS
from tickets.rotation.run import Run
from tickets.rotation.spread.family import records_database
from tickets.rotation.spread.halt import halt_requested
from tickets.rotation.spread.operator import Operator
from tickets.rotation.target import Target

ROWS_PENDING = 3


class Command(OneLineCommand):
    help = (
        "Give every row whose token may be leaked a fresh token, in short batches, while the "
        "application runs. Run it again after any interruption: it goes on where the data says. "
        "Exit codes: 0 nothing is pending, 1 error, 3 rows are still pending, or the clean-up of "
        "--finish was stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "models",
            nargs="*",
            metavar="app.Model",
            help="models whose tokens to rotate, app.Model.token_field for one of several columns; "
            "without any: all that have a rotating token, one after another",
        )
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        self._failed = False  # a model was left out, and said so; others went on
        unfit = check_together(options)
        if unfit:
            raise CommandError(f"{unfit} Nothing was done.")
        try:
            targets = find_targets(options["database"], options["models"])
            if options["stop"]:
                self._stop(options["database"], targets if options["models"] else [])
                return
            if options["report"]:
                complete = self._report(targets, options)
            elif options["async"] or options["follow"]:
                with own_session(records_database()):  # which workers do not take for traffic
                    complete = self._spread(targets, options)
            else:
                complete = self._rotate(targets, options)
        except RotationError as error:
            raise CommandError(str(error)) from error
        if self._failed:
            sys.exit(1)
        if not complete:
            sys.exit(ROWS_PENDING)

    def _report(self, targets: list[Target], options: dict[str, Any]) -> bool:
        reports = [
            replace(make_report(target, exact=options["exact"]), runs=last_runs(target))
            for target in targets
        ]
        self.stdout.write(FORMATS[options["format"] or "text"](reports))
        return all(report.complete for report in reports)

    def _stop(self, database: str, chosen: list[Target]) -> None:
        """Whether anything is pending is not looked at: the exit code is 0."""
        alive, silent = request_stop(database, [target.label for target in chosen])
        halt_requested(database)
        line = f"Asked {alive} running rotation{'' if alive == 1 else 's'} to end after its batch."
        if not alive:
            which = f" of {', '.join(target.label for target in chosen)}" if chosen else ""
            line = f"No rotation{which} is running on database {database!r}."
        if silent:
            line += f" {silent} more gave no sign of life for 30 s: killed, or out of reach."
        self.stdout.write(line)

    def _rotate(self, targets: list[Target], options: dict[str, Any]) -> bool:
        """One after another. What ends the command early leaves the rest, and they are named."""
        complete = True
        left = list(targets)
        while left:
            run = self._run(left.pop(0), options)
            try:
                complete = self._rotate_one(run, options) and complete
            except NotReadyError as error:
                if not left:
                    raise
                complete = False
                self.stderr.write(f"{error}")
                self._failed = True
            except RotationError as error:
                raise RotationError(f"{error}{_not_begun(left)}") from None
            if run.stopped and left:
                self.stderr.write(_not_begun(left).lstrip())
                return False
        return complete

    def _rotate_one(self, run: Run, options: dict[str, Any]) -> bool:
        asked = rotation_options(options)
        if options["dry_run"]:
            return run.dry_run(asked)
        return run.rotate(asked, finish=options["finish"])

    def _spread(self, targets: list[Target], options: dict[str, Any]) -> bool:
        complete = True
        for target in targets:
            operator = Operator(
                target,
                self._run(target, options),
                progress_mode=options["progress"],
                out=cast(TextIO, self.stdout._out),
                err=cast(TextIO, self.stderr._out),
            )
            done = operator.begin(rotation_options(options)) if options["async"] else False
            if options["follow"] and not done:
                done = operator.follow()
            complete = done and complete
        return complete

    def _run(self, target: Target, options: dict[str, Any]) -> Run:
        return Run(
            target,
            progress_mode=options["progress"],
            out=cast(TextIO, self.stdout._out),
            err=cast(TextIO, self.stderr._out),
        )


def _not_begun(targets: list[Target]) -> str:
    if not targets:
        return ""
    return f" Not begun: {', '.join(target.label for target in targets)}."
