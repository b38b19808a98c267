"""``manage.py replay_rotated_tokens``: send the signal of past rotations again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.management.command import TokenCommand, add_database, add_models
from token_rotation.notify.replay import replay_targets
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.resolve import resolve_past_time


class Command(TokenCommand):
    help = (
        "Send the signal tokens_rotated again for every row whose token was issued since a time. "
        "Nothing is rotated. Exit codes: 0 every receiver took everything, 1 error, 3 a receiver "
        "failed, or the command was stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_models(parser)
        add_database(parser)
        parser.add_argument(
            "--since",
            required=True,
            metavar="TIME",
            help="send rows issued since this time: 2026-11-22T04:00+00:00, 2026-11-22, now, or "
            "2h ago (s, min, h, d). A time without an offset is in TIME_ZONE",
        )

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        since = resolve_past_time(parsed["since"], "--since", parsed["database"])
        targets = find_targets(parsed["database"], parsed["models"])
        output = self.output()
        return ExitCode.of(replay_targets(targets, since, say=output.say, warn=output.warn))
