"""``manage.py report_leak``: rotate leaked tokens at once, by a list of them."""

from __future__ import annotations

from typing import Any
from unicodedata import category

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.intake.report import LeakReport, ReportedToken
from token_rotation.intake.sentences import sentences
from token_rotation.intake.take_in import take_in
from token_rotation.management.command import TokenCommand
from token_rotation.selection.list_file import NO_TEXT, numbered_lines, open_rereadable
from token_rotation.wording import things

DOOR = "command"
OF_UNREAD = ": a line is UTF-8, without control characters, and shorter than 64 KiB"


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
                lines = list(numbered_lines(file))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}") from error
        unread = [number for number, text in lines if not _is_text(text)]
        tokens = tuple(ReportedToken(text) for _, text in lines if _is_text(text))
        if not tokens:
            raise CommandError(f"The file has no line with a token{OF_UNREAD}. Nothing was done")
        outcome = take_in(LeakReport(tokens, DOOR))
        output = self.output()
        for sentence in sentences(outcome):
            output.say(sentence)
        if unread:
            output.say(
                f"{things(len(unread), 'line was', 'lines were')} not read, the first is line "
                f"{unread[0]}{OF_UNREAD}. Mend that and run it again."
            )
        return ExitCode.of(outcome.is_complete and not outcome.unsearched and not unread)


def _is_text(line: str) -> bool:
    """Return False for what cannot be read, such as the UTF-16 of some shells and editors."""
    return line != NO_TEXT and not any(category(each) == "Cc" for each in line)
