"""What the commands about tokens have in common."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.argument_types import database_alias
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.errors import RotationError
from token_rotation.postgres.opening import APPLICATION_NAME
from token_rotation.postgres.sessions import name_sessions
from token_rotation.run.output import Output


class TokenCommand(OneLineCommand):
    """Base of the commands about tokens.

    A subclass does its work in ``work`` and returns how it ended. A RotationError ends it with one
    line and exit code 1.
    """

    def run_from_argv(self, argv: list[str]) -> None:
        """Name the process's sessions, so that no rotation takes them for traffic."""
        name_sessions(APPLICATION_NAME)
        super().run_from_argv(argv)

    def handle(self, **parsed: Any) -> None:
        try:
            ended = self.work(parsed)
        except RotationError as error:
            raise CommandError(str(error)) from error
        if ended is not ExitCode.DONE:
            sys.exit(ended)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        """Do what the arguments ask for. Raises RotationError."""
        raise NotImplementedError

    def output(self, progress: str = "auto") -> Output:
        """Where the command writes, with progress shown as asked for."""
        out, err = cast(TextIO, self.stdout._out), cast(TextIO, self.stderr._out)
        return Output(progress, out=out, err=err)


def add_models(parser: CommandParser) -> None:
    """Declare the models that a command works on."""
    parser.add_argument(
        "models",
        nargs="*",
        metavar="app.Model",
        help="models to work on, one after another; app.Model.token_field names one of several "
        "columns (default: every model with a rotating token)",
    )


def add_database(parser: CommandParser) -> None:
    """Declare the database that a command works on."""
    parser.add_argument(
        "--database",
        type=database_alias,
        default="default",
        metavar="ALIAS",
        help="work on this database (default: default)",
    )
