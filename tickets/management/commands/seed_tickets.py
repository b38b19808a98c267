"""``manage.py seed_tickets``: leaked tickets to rehearse a rotation on."""

import signal
from typing import Any, Self

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError
from tqdm import tqdm

from tickets.management import seeding
from tickets.models import Ticket
from token_rotation.command_line import OneLineCommand, database_alias, positive_int

INTERRUPTED = 130  # what shells report for a command ended by Ctrl-C


class Command(OneLineCommand):
    """Add tickets.

    Delete tickets only with both --reset and --yes.
    """

    help = "Add leaked tickets, and fresh ones with --fresh. Deletes none without --reset --yes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--size",
            type=positive_int,
            default=1_000_000,
            metavar="N",
            help="add N leaked tickets (default: 1000000)",
        )
        parser.add_argument(
            "--fresh",
            type=positive_int,
            default=0,
            metavar="N",
            help="also add N tickets whose token is not leaked (default: 0)",
        )
        parser.add_argument(
            "--reset", action="store_true", help="first delete every ticket and message"
        )
        parser.add_argument(
            "--yes", action="store_true", help="with --reset: confirm that tickets are deleted"
        )
        parser.add_argument(
            "--database",
            type=database_alias,
            default=DEFAULT_DB_ALIAS,
            metavar="ALIAS",
            help='fill the database ALIAS (default: "default")',
        )

    def handle(self, *_: Any, **options: Any) -> None:
        alias, size, fresh = options["database"], options["size"], options["fresh"]
        self._check_schema(alias, fresh)
        self._check_reset(alias, reset=options["reset"], yes=options["yes"])
        # disable=None: no bar when stderr is not a terminal.
        with (
            tqdm(total=size + fresh, unit=" tickets", unit_scale=True, disable=None) as bar,
            Counted(bar) as counted,
        ):
            try:
                if options["reset"]:
                    seeding.delete_all(alias)
                seeding.add_leaked(alias, size, counted)
                if fresh:
                    seeding.add_fresh(alias, fresh, counted)
            except KeyboardInterrupt:
                bar.close()
                raise CommandError(
                    f"stopped: {counted.rows:,} tickets were added and stay", returncode=INTERRUPTED
                ) from None
            except DatabaseError as error:
                bar.close()
                raise CommandError(
                    f"the database refused: {_reason(error)}. {counted.rows:,} tickets were added"
                    " and stay."
                ) from None
        self.stdout.write(f"Added {size:,} leaked and {fresh:,} fresh tickets.")

    def _check_schema(self, alias: str, fresh: int) -> None:
        if not seeding.table_columns(alias):
            raise CommandError(
                f"database {alias!r} has no table {seeding.TABLE}. Nothing was added. Run migrate"
                " first."
            )
        if fresh and not seeding.issues_fresh_tokens(alias):
            raise CommandError(
                "--fresh needs the insert guard, which is missing, outdated or disabled. Nothing"
                " was added. Run migrate first, or leave --fresh out."
            )

    def _check_reset(self, alias: str, *, reset: bool, yes: bool) -> None:
        if reset and not yes and Ticket.objects.using(alias).exists():
            raise CommandError(
                "--reset would delete the tickets that are there. Nothing was deleted or added."
                " Add --yes to delete them."
            )


class Counted:
    """A display of committed rows.

    It counts them and delays Ctrl-C until they are counted. A second Ctrl-C ends the current chunk
    at once.
    """

    def __init__(self, bar: "tqdm[Any]") -> None:
        self.rows = 0
        self._bar = bar
        self._interrupted = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def __call__(self, rows: int) -> None:
        self.rows += rows
        self._bar.update(rows)
        if self._interrupted:
            raise KeyboardInterrupt

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _reason(error: DatabaseError) -> str:
    """Return the reason without its details.

    The details can hold a whole row with its token.
    """
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "message_primary", None) or "the connection was lost"
