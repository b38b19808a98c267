"""``manage.py verify_evidence``: compare an evidence file with the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from token_rotation.command_line.argument_types import positive_seconds
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.management.command import TokenCommand, add_database
from token_rotation.options import RotationOptions
from token_rotation.reporting.verify_evidence import verify_evidence

AT_MOST_SECONDS = RotationOptions().verdict_at_most_seconds


class Command(TokenCommand):
    help = (
        "Compare a file that --evidence wrote with the database as it is now, a line for each "
        "difference. Nothing is written. Exit codes: 0 complete then and now, 1 error, 3 there "
        "are differences."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="read the evidence from this file")
        parser.add_argument(
            "--verdict-at-most-seconds",
            type=positive_seconds,
            default=AT_MOST_SECONDS,
            metavar="SECONDS",
            help="read each table for at most this long; the read keeps dead rows alive "
            f"(default: {AT_MOST_SECONDS:g})",
        )
        parser.add_argument(
            "--public-key",
            metavar="FILE",
            help="refuse evidence that this Ed25519 key has not signed (default: "
            "TOKEN_ROTATION_EVIDENCE_PUBLIC_KEY, if set)",
        )
        add_database(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        same = verify_evidence(
            parsed["file"],
            parsed["database"],
            self.output().say,
            at_most_seconds=parsed["verdict_at_most_seconds"],
            public_key=parsed["public_key"],
        )
        return ExitCode.of(same)
