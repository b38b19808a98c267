"""``manage.py token_patterns``: rules for secret scanners; a check without a database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.management.command import TokenCommand, add_models
from token_rotation.selection.list_file import open_rereadable
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets
from token_rotation.tokens.pattern import is_findable
from token_rotation.tokens.scanner_rules import RULES
from token_rotation.verification.well_formed import check_lines


class Command(TokenCommand):
    help = (
        "Print rules that let secret scanners find the declared tokens, or check tokens. It asks "
        "no database. Exit codes: 0 done, 1 error, 3 scanners cannot know some tokens; --check: a "
        "line holds no token, or one with a wrong checksum."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_models(parser)
        parser.add_argument(
            "--format",
            choices=RULES,
            default="regex",
            help="print the rules for this scanner (default: regex)",
        )
        parser.add_argument(
            "--check",
            metavar="FILE",
            help="read lines from this file instead, - for standard input, and say the numbers of "
            "those that hold a token",
        )

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        targets = find_targets("default", parsed["models"])
        known = {
            each.label: each.token_format
            for each in targets
            if each.token_format is not None and is_findable(each.token_format)
        }
        all_known = self._say_unknown([each for each in targets if each.label not in known])
        if parsed["check"] is None:
            if known:
                self.output().say(RULES[parsed["format"]](known))
            return ExitCode.of(all_known)
        try:
            with open_rereadable(parsed["check"]) as file:
                return ExitCode.of(check_lines(file, list(known.values()), self.output().say))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}") from error

    def _say_unknown(self, unknown: list[Target]) -> bool:
        for each in unknown:
            self.output().warn(
                f"{each.label}: scanners cannot know its tokens, since not all have a declared "
                "format with a prefix. There is no rule for it; declare prefixed(...)"
            )
        return not unknown
