"""``manage.py prune_retired_tokens``: forget tokens that were retired long ago."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import CommandParser

from token_rotation import wording
from token_rotation.command_line.argument_types import non_negative_int
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.errors import RotationError
from token_rotation.events import Event, Remark, Retrying
from token_rotation.management.command import TokenCommand, add_database
from token_rotation.retired.prune import RETRY_SECONDS, Pruning, note_forgotten
from token_rotation.stop import StopSignal, answering_signals

STOPPING = "\nStopping when the server answers; a second signal ends it within five seconds.\n"
MOST_DAYS = 1_000_000  # PostgreSQL's calendar begins 4713 BC


class Command(TokenCommand):
    help = (
        "Delete the hashes of tokens that were retired long ago, in short transactions. Those "
        "tokens are no longer recognised, nor refused. Exit codes: 0 done, 1 error, 3 stopped "
        "before the end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=number_of_days,
            metavar="DAYS",
            required=True,
            help="delete hashes of tokens that were retired more than this number of days ago",
        )
        add_database(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        stop, days, output = StopSignal(), parsed["older_than"], self.output()
        show_wait = output.show_waits()

        def observe(event: Event) -> None:
            """Say why it waits: for another try once a step."""
            match event:
                case Retrying(attempt=1):
                    output.warn(f"Trying again for up to {RETRY_SECONDS:.0f} s: {event.reason}")
                case Remark():
                    output.warn(event.text)
                case _:
                    show_wait(event)

        pruning = Pruning(parsed["database"], older_than_days=days, stop=stop, observe=observe)
        try:
            note_forgotten(parsed["database"], older_than_days=days)
            with stop_on_signal(stop, stopping=STOPPING):
                complete = answering_signals(pruning.run, meanwhile=stop.again)
        except RotationError as error:
            raise RotationError(f"{error}. Hashes deleted before: {pruning.rows:,}.") from error
        tokens = wording.things(pruning.rows, "token")
        line = f"Deleted the hashes of {tokens} retired more than {days} days ago."
        if not complete:
            line += " Stopped before the end: run the same command again to go on."
        output.say(line)
        return ExitCode.of(complete)


def number_of_days(text: str) -> int:
    """Argument type: a whole number from 0 to 1,000,000."""
    number = non_negative_int(text)
    if number > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_DAYS:,} days")
    return number
