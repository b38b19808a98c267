"""``manage.py rotate_tokens``: rotate every pending token, or report."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.distributed.operator import operate
from token_rotation.distributed.stop_rotations import stop_rotations
from token_rotation.management.command import TokenCommand, add_database, add_models
from token_rotation.management.flag import Mode
from token_rotation.management.rotate_flags import add_flags
from token_rotation.management.rotate_request import read_request
from token_rotation.reporting.evidence import Evidence
from token_rotation.reporting.write_report import write_report
from token_rotation.run.dry_run import dry_run_targets
from token_rotation.run.recording.running_pace import set_paused
from token_rotation.run.rotate_targets import rotate_targets
from token_rotation.run.selected import select
from token_rotation.targets.discovery import find_targets


class Command(TokenCommand):
    help = (
        "Give every row whose token may be leaked a fresh token, in short batches, while the "
        "application runs. Run it again after any interruption: it continues where the data says. "
        "Exit codes: 0 nothing is pending, 1 error, 3 rows are pending or the clean-up was stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_models(parser)
        add_database(parser)
        add_flags(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        asked = read_request(parsed)
        output, evidence = self.output(asked.progress), Evidence(asked.evidence_file)
        targets = select(find_targets(asked.database, asked.models), asked.selection)
        options, listed = asked.rotation, asked.selection.leak_list
        match asked.mode:
            case Mode.ROTATE:
                ended = rotate_targets(
                    targets,
                    options,
                    output,
                    listed=listed,
                    clean_up=asked.clean_up,
                    on_end=partial(evidence.add, options=options),
                )
                evidence.write()
                return ended
            case Mode.DRY_RUN:
                return dry_run_targets(targets, options, output, listed=listed)
            case Mode.REPORT:
                return ExitCode.of(write_report(targets, asked.report, output.say, evidence))
            case Mode.STOP:
                labels = [target.label for target in targets] if asked.models else []
                waits = output.show_waits()
                output.say(stop_rotations(asked.database, labels, observe=waits))
                return ExitCode.DONE
            case Mode.PAUSE | Mode.RESUME:
                labels = [target.label for target in targets] if asked.models else []
                paused, waits = asked.mode is Mode.PAUSE, output.show_waits()
                output.say(set_paused(asked.database, labels, paused=paused, observe=waits))
                return ExitCode.DONE
            case Mode.ASYNC | Mode.FOLLOW:
                begin = asked.mode is Mode.ASYNC
                done = operate(targets, options, output, begin=begin, follow=asked.follow)
                return ExitCode.of(done)
