"""``manage.py import_tickets``: tickets from a CSV file.

Each ticket has a first message.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from tickets.importing.errors import ImportTicketsError
from tickets.importing.options import CHUNK_ROWS, MOST_CHUNK_ROWS, ImportOptions
from tickets.importing.run import run_import
from token_rotation.command_line import OneLineCommand, database_alias, positive_int

INCOMPLETE = 3


class Command(OneLineCommand):
    help = (
        "Import tickets, each with a first message, from a CSV file in UTF-8. Its columns are"
        " reference, subject, body and optionally status. Run it again after any interruption or"
        " correction: a reference is imported once. Exit codes: 0 all lines are imported, 1 error,"
        " 3 lines are bad or it was stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", metavar="FILE.csv|-", help="read this file; - is standard input"
        )
        parser.add_argument(
            "--strict",
            action="store_true",
            help="stop at the first bad line, after importing the good ones before it",
        )
        parser.add_argument(
            "--chunk-rows",
            type=chunk_rows,
            default=CHUNK_ROWS,
            metavar="N",
            help=f"import N tickets a transaction, up to {MOST_CHUNK_ROWS} (default: {CHUNK_ROWS})",
        )
        parser.add_argument(
            "--database",
            type=database_alias,
            default=DEFAULT_DB_ALIAS,
            metavar="ALIAS",
            help='fill the database ALIAS (default: "default")',
        )

    def handle(self, **options: Any) -> None:
        chosen = ImportOptions(
            file=options["file"],
            database=options["database"],
            chunk_rows=options["chunk_rows"],
            strict=options["strict"],
        )
        out, err = cast(TextIO, self.stdout._out), cast(TextIO | None, self.stderr._out)
        try:
            complete = run_import(chosen, out=out, err=err)
        except ImportTicketsError as error:
            raise CommandError(str(error)) from None
        if not complete:
            sys.exit(INCOMPLETE)


def chunk_rows(text: str) -> int:
    """Argument type: 1 to 10,000."""
    rows = positive_int(text)
    if rows > MOST_CHUNK_ROWS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_CHUNK_ROWS}")
    return rows
