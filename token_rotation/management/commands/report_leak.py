"""``manage.py report_leak``: rotate leaked tokens at once, by a list of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.intake.report import LeakReport, ReportedToken
from token_rotation.intake.sentences import sentences
from token_rotation.intake.take_in import take_in
from token_rotation.management.command import TokenCommand
from token_rotation.selection.list_file import NO_TEXT, numbered_lines, open_rereadable

DOOR = "command"


class Command(TokenCommand):
    help = (
        "Rotate each listed token that opens something, in every declared column, at once. Lines "
        "that hold no such token cost nothing. Exit codes: 0 no listed token opens anything, 1 "
        "error, 3 some still do, or it is not known."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            metavar="FILE|-",
            help="read a token from each line of this file; -: standard input",
        )

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        try:
            with open_rereadable(parsed["file"]) as file:
                lines = [text for _, text in numbered_lines(file)]
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}") from error
        tokens = tuple(ReportedToken(text) for text in lines if text != NO_TEXT)
        if not tokens:
            raise CommandError("The file has no line with a token. Nothing was done")
        outcome = take_in(LeakReport(tokens, DOOR))
        output = self.output()
        for sentence in sentences(outcome):
            output.say(sentence)
        return ExitCode.of(outcome.is_complete and not outcome.unsearched)
