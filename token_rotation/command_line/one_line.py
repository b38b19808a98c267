"""Commands whose errors are one line and exit code 1."""

from typing import Any, NoReturn

from django.core.checks import Tags
from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.output_end import OutputEnd
from token_rotation.command_line.signal_handlers import ending_on_interrupt


class OneLineParser(CommandParser):
    """Parser whose errors are one line, without the usage text.

    The exit code is 1, not argparse's 2.
    """

    def error(self, message: str) -> NoReturn:
        if not self.called_from_command_line:
            raise CommandError(message)
        message = message.rstrip(".?!")
        self.exit(1, f"{self.prog}: {message}. Nothing was done; --help lists the options.\n")


class OneLineCommand(OutputEnd):
    """Base of commands whose errors are one line.

    Bad arguments end the command with that line on stderr and exit code 1. Called through
    ``call_command``, it raises the same line as a ``CommandError``. Only the system checks of the
    models run before it. An error in a URL or a template, and the time to import them, must not
    delay an operator.
    """

    requires_system_checks = (Tags.models,)

    def run_from_argv(self, argv: list[str]) -> None:
        with ending_on_interrupt():
            super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Django names its parser class in the middle of this method and offers no other way in.
        # Subparsers are made from the parser's class, so they follow.
        parser.__class__ = OneLineParser
        return parser
