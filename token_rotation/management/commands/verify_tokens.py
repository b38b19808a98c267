"""``manage.py verify_tokens``: count leaked or retired tokens that are still valid."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.management.command import TokenCommand, add_database
from token_rotation.options import ListOptions
from token_rotation.reporting.verify import verify_list, verify_retired
from token_rotation.targets.discovery import find_targets


class Command(TokenCommand):
    help = (
        "Count the listed tokens that are still valid, or with --retired the retired ones. "
        "Nothing is written. Exit codes: 0 none is valid, 1 error, 3 some are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.usage = (
            "%(prog)s [options] FILE|- [app.Model]\n"
            "       %(prog)s [options] --retired [app.Model ...]"
        )
        parser.add_argument(
            "names",
            nargs="*",
            metavar="FILE|- app.Model",
            help="read a token, or the SHA-256 of one, from each line of FILE (-: standard input), "
            "then look it up in app.Model (default: the model with a rotating token)",
        )
        one_of = parser.add_mutually_exclusive_group()
        one_of.add_argument(
            "--retired",
            action="store_true",
            help="look every retired token up, where a model keeps them; no FILE",
        )
        one_of.add_argument(
            "--list-of",
            choices=("tokens", "hashes"),
            help="say what FILE lists (default: what its header or first line shows)",
        )
        add_database(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        names, database, say = parsed["names"], parsed["database"], self.output().say
        if parsed["retired"]:
            return ExitCode.of(verify_retired(find_targets(database, names), say))
        if not names:
            raise CommandError("name a FILE of tokens, - or --retired. Nothing was done.")
        file, *models = names
        listed = ListOptions(file, parsed["list_of"])
        return ExitCode.of(verify_list(find_targets(database, models), listed, say))
