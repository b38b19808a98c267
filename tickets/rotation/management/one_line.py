"""A management command whose every complaint is one clear line and exit code 1."""

import argparse
from typing import Any, NoReturn

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections


class OneLineParser(CommandParser):
    """Argument errors are one line without the usage text; the exit code is 1, not argparse's 2."""

    def error(self, message: str) -> NoReturn:
        if not self.called_from_command_line:
            raise CommandError(message)
        self.exit(1, f"{self.prog}: {message}. Nothing was done; --help lists the options.\n")


class OneLineCommand(BaseCommand):
    """Base of the commands here: bad arguments end with one line on stderr and exit code 1.

    Called through ``call_command`` the same line is raised as a ``CommandError``. Of the system
    checks only those of the models are run before: an error in a URL or a template, and the time to
    import all of them, must not come between an operator and the rotation.
    """

    requires_system_checks = (Tags.models,)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Django names its parser class in the middle of this method and offers no other way in.
        # Subparsers are made from the parser's class, so they follow.
        parser.__class__ = OneLineParser
        return parser


def positive_int(text: str) -> int:
    """Argument type: a whole number of at least 1.

    Raises ``argparse.ArgumentTypeError``, which argparse shows with the option's name.
    """
    return _whole_number(text, at_least=1)


def non_negative_int(text: str) -> int:
    """Argument type: a whole number of at least 0; raises as ``positive_int`` does."""
    return _whole_number(text, at_least=0)


def _whole_number(text: str, *, at_least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not at_least <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {at_least}")
    return number


def database_alias(text: str) -> str:
    """Argument type: the alias of a configured PostgreSQL database.

    Raises ``argparse.ArgumentTypeError`` naming the aliases that exist. Connects to nothing.
    """
    if text not in connections:
        known = ", ".join(sorted(connections))
        raise argparse.ArgumentTypeError(f"there is no database {text!r}; configured: {known}")
    vendor = connections[text].vendor
    if vendor != "postgresql":
        raise argparse.ArgumentTypeError(f"the database {text!r} is {vendor}, not PostgreSQL")
    return text
