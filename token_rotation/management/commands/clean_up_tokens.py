"""``manage.py clean_up_tokens``: remove what a rotation leaves in table and indexes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.management.command import TokenCommand, add_database, add_models
from token_rotation.run.clean_up import clean_up_targets
from token_rotation.targets.discovery import find_targets


class Command(TokenCommand):
    help = (
        "Clean up after a rotation, when nothing is pending, while traffic goes on. Vacuum the "
        "table, then rebuild the indexes of the token that have grown. Exit codes: 0 cleaned up "
        "or skipped with a reason, 1 error, 3 stopped, or rows are pending."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_models(parser)
        add_database(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        targets = find_targets(parsed["database"], parsed["models"])
        return clean_up_targets(targets, self.output())
