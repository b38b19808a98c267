"""``manage.py rotate_tokens``: rotate every pending token, or say where things stand."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser

from token_rotation import wording
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.distributed.cancel import halt_requested
from token_rotation.distributed.operator import Operator
from token_rotation.distributed.records import records_database
from token_rotation.errors import NotReadyError, RotationError
from token_rotation.management.aimed import aimed, list_to_rotate, list_to_verify
from token_rotation.management.arguments import add_arguments, check_together, rotation_options
from token_rotation.notify.replay import (
    ENDING_REPLAY,
    STOPPING_REPLAY,
    Replay,
    as_sentence,
    listened_to,
)
from token_rotation.postgres.connection import reading
from token_rotation.postgres.opening import APPLICATION_NAME, own_session
from token_rotation.postgres.sessions import name_sessions
from token_rotation.reporting.evidence import document, make_entry
from token_rotation.reporting.evidence_file import EvidenceFile
from token_rotation.reporting.formats import FORMATS
from token_rotation.reporting.history import last_runs
from token_rotation.reporting.report import make_report
from token_rotation.reporting.verify import verified_as_sentence, verify
from token_rotation.retired.kept import keeping_retired, retired_as_sentence, still_valid
from token_rotation.run.record import request_stop
from token_rotation.run.run import Run
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.resolve import resolve_time

ROWS_PENDING = 3


class Command(OneLineCommand):
    help = (
        "Give every row whose token may be leaked a fresh token, in short batches, while the "
        "application runs. Run it again after any interruption: it goes on where the data says. "
        "Exit codes: 0 nothing is pending, 1 error, 3 rows are still pending, or the clean-up of "
        "--finish was stopped, or --verify or --verify-retired found valid tokens, or a receiver "
        "of --replay-since failed."
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

    def run_from_argv(self, argv: list[str]) -> None:
        """As a process of its own: what receivers do in it is no traffic to give way to."""
        name_sessions(APPLICATION_NAME)
        super().run_from_argv(argv)

    def handle(self, **options: Any) -> None:
        self._failed = False  # a model was left out, and said so; others went on
        unfit = check_together(options)
        if unfit:
            raise CommandError(f"{unfit} Nothing was done.")
        try:
            evidence = EvidenceFile(options["evidence"]) if options["evidence"] else None
            targets = aimed(find_targets(options["database"], options["models"]), options)
            if options["stop"]:
                self._stop(options["database"], targets if options["models"] else [])
                return
            if options["verify"] or options["verify_retired"]:
                complete = self._verify(targets, options)
            elif options["replay_since"]:
                complete = self._replay(targets, options)
            elif options["report"]:
                complete = self._report(targets, options, evidence)
            elif options["async"] or options["follow"]:
                with own_session(records_database()):  # which workers do not take for traffic
                    complete = self._spread(targets, options)
            else:
                complete = self._rotate(targets, options, evidence)
        except RotationError as error:
            raise CommandError(str(error)) from error
        if self._failed:
            sys.exit(1)
        if not complete:
            sys.exit(ROWS_PENDING)

    def _report(
        self, targets: list[Target], options: dict[str, Any], evidence: EvidenceFile | None
    ) -> bool:
        reports = [
            replace(make_report(target, exact=options["exact"]), runs=last_runs(target))
            for target in targets
        ]
        self.stdout.write(FORMATS[options["format"] or "text"](reports))
        if evidence is not None:
            evidence.write(document([make_entry(target, None, result=None) for target in targets]))
        return all(report.complete for report in reports)

    def _verify(self, targets: list[Target], options: dict[str, Any]) -> bool:
        if options["verify_retired"]:
            return self._verify_retired(targets)
        none_valid = True
        for target in targets:
            with list_to_verify(target, options) as leak_list:
                with reading(target.database) as connection:
                    verified = verify(connection, target, leak_list)
                self.stdout.write(verified_as_sentence(target, leak_list, verified))
            none_valid = verified.valid_lines == 0 and none_valid
        return none_valid

    def _verify_retired(self, targets: list[Target]) -> bool:
        none_valid = True
        for target in keeping_retired(targets):
            with reading(target.database) as connection:
                rows = still_valid(connection, target)
            self.stdout.write(retired_as_sentence(target, rows))
            none_valid = rows == 0 and none_valid
        return none_valid

    def _stop(self, database: str, chosen: list[Target]) -> None:
        """Whether anything is pending is not looked at: the exit code is 0."""
        alive, silent = request_stop(database, [target.label for target in chosen])
        halt_requested(database)
        line = f"Asked {wording.things(alive, 'running rotation')} to end after its batch."
        if not alive:
            which = f" of {', '.join(target.label for target in chosen)}" if chosen else ""
            line = f"No rotation{which} is running on database {database!r}."
        if silent:
            line += f" {silent} more gave no sign of life for 30 s: killed, or out of reach."
        self.stdout.write(line)

    def _replay(self, targets: list[Target], options: dict[str, Any]) -> bool:
        since = resolve_time(options["replay_since"], "--replay-since", options["database"])
        complete, stop = True, StopSignal()
        with stop_on_signal(stop, stopping=STOPPING_REPLAY, aborting=ENDING_REPLAY):
            for target in listened_to(targets):
                result = Replay(target, since, stop=stop, say=self.stderr.write).run()
                self.stdout.write(as_sentence(target, result, since))
                complete = complete and result.complete
        return complete

    def _rotate(
        self, targets: list[Target], options: dict[str, Any], evidence: EvidenceFile | None
    ) -> bool:
        """One after another. What ends the command early leaves the rest, and they are named."""
        complete = True
        entries: list[dict[str, Any]] = []
        left = list(targets)
        while left:
            target = left.pop(0)
            try:
                stopped, done = self._rotate_one(target, options, entries)
                complete = done and complete
            except NotReadyError as error:
                if not left:
                    raise
                complete = False
                self.stderr.write(f"{error}")
                self._failed = True
                continue
            except RotationError as error:
                raise RotationError(f"{error}{_not_begun(left)}") from None
            if stopped and left:
                self.stderr.write(_not_begun(left).lstrip())
                complete = False
                break
        if evidence is not None:
            evidence.write(document(entries))
        return complete

    def _rotate_one(
        self, target: Target, options: dict[str, Any], entries: list[dict[str, Any]]
    ) -> tuple[bool, bool]:
        """Whether the operator has stopped it, and whether nothing is left that was asked for."""
        asked = rotation_options(options)
        with list_to_rotate(target, options) as leak_list:
            run = self._run(target, options, leak_list)
            if options["dry_run"]:
                done = run.dry_run(asked)
            else:
                done = run.rotate(asked, finish=options["finish"])
            if options["evidence"]:
                entry = make_entry(target, asked, result=run.result, leak_list=leak_list)
                entries.append(entry)
        return run.stopped, done

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

    def _run(
        self, target: Target, options: dict[str, Any], leak_list: LeakList | None = None
    ) -> Run:
        return Run(
            target,
            leak_list=leak_list,
            progress_mode=options["progress"],
            out=cast(TextIO, self.stdout._out),
            err=cast(TextIO, self.stderr._out),
        )


def _not_begun(targets: list[Target]) -> str:
    if not targets:
        return ""
    return f" Not begun: {', '.join(target.label for target in targets)}."
