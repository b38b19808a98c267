"""``manage.py report_leak``: rotate leaked tokens at once, by a list of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.intake.listed import ListedTokens
from token_rotation.intake.report import LeakReport
from token_rotation.intake.sentences import sentences
from token_rotation.intake.take_in import take_in
from token_rotation.management.command import TokenCommand
from token_rotation.selection.list_file import numbered_lines, open_rereadable
from token_rotation.wording import things

DOOR = "command"
OF_UNREAD = ": a line is UTF-8, without control characters, shorter than 64 KiB, and one token"


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
                listed = ListedTokens(tuple(numbered_lines(file)))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}") from error
        tokens = listed.reported
        if not tokens:
            raise CommandError(f"The file has no line with a token{OF_UNREAD}. Nothing was done")
        outcome = take_in(LeakReport(tokens, DOOR))
        output, unread = self.output(), listed.unread(outcome.found)
        for sentence in sentences(outcome):
            output.say(sentence)
        if unread:
            output.say(
                f"{things(len(unread), 'line was', 'lines were')} not read, the first is line "
                f"{unread[0]}{OF_UNREAD}. Mend that and run it again."
            )
        return ExitCode.of(outcome.is_complete and not outcome.unsearched and not unread)
