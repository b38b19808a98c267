"""``manage.py watch_operations``: what a scheduler does for Celery, without one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connections

from token_rotation.command_line.argument_types import positive_seconds
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.operations.stored_output import read_object
from token_rotation.operations.watching.watch import watch
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.sessions import name_sessions
from token_rotation.stop import StopSignal

STOPPING = "\nStopping after this round.\n"


class Command(OneLineCommand):
    help = (
        "Send lost operations to the workers again, and mail stalled and failed ones, once each. "
        "Without celery beat, run it every minute. "
        "Exit codes: 0 done, 1 error, 3 a round of --every failed."
    )

    def run_from_argv(self, argv: list[str]) -> None:
        name_sessions()  # otherwise a rotation would take them for traffic
        super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every",
            type=positive_seconds,
            metavar="SECONDS",
            help="go on, with a round every so many seconds, until a signal (default: one round)",
        )

    def handle(self, **parsed: Any) -> None:
        every_seconds: float | None = parsed["every"]
        if every_seconds is None:
            try:
                self._look()
            except (DatabaseError, InterfaceError) as error:
                raise CommandError(f"{reason_of(error)}. Run the same command again") from error
            return
        if not self._look_until_stopped(every_seconds):
            raise SystemExit(ExitCode.UNFINISHED)

    def _look_until_stopped(self, every_seconds: float) -> bool:
        """Return True when no round failed; a round that fails is followed by the next one."""
        stop, well = StopSignal(), True
        with stop_on_signal(stop, stopping=STOPPING):
            while not stop.requested:
                try:
                    self._look()
                except (DatabaseError, InterfaceError) as error:
                    well = False
                    self.stderr.write(f"{reason_of(error)}. The next round looks again")
                    connections.close_all()
                stop.wait(every_seconds)
        return well

    def _look(self) -> None:
        record = watch()
        found = read_object(record.output_data) if record is not None else {}
        for kind, lines in found.items():
            for line in lines:
                self.stdout.write(f"{kind}: {line}")
        self.stdout.flush()  # in a file it would stay unwritten for many rounds
