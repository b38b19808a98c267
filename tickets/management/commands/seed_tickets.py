"""``manage.py seed_tickets``: leaked tickets to rehearse a rotation on."""

import sys
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from tqdm import tqdm

from tickets.importing.session import Session
from tickets.management import seeding
from tickets.management.added import Added, Stopped
from tickets.management.refusal import DATABASE_ERRORS, refusal_of
from tickets.management.waits import ShownWaits
from token_rotation.command_line import (
    OneLineCommand,
    StopSignal,
    database_alias,
    positive_int,
    stop_on_signal,
)
from token_rotation.postgres import Fault, fault_of, is_lost

STOPPED = 3
STOPPING = "\nStopping after the running chunk; a second signal ends at once.\n"


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
        stop = StopSignal()
        # disable=None: no bar when stderr is not a terminal.
        with (
            tqdm(total=size + fresh, unit=" tickets", unit_scale=True, disable=None) as bar,
            stop_on_signal(stop, stopping=STOPPING),
        ):
            added = Added(bar, stop)
            session = Session(alias, stop, ShownWaits(partial(bar.write, file=sys.stderr)))
            try:
                session.do(partial(self._seed, added, stop, options))
            except Stopped:
                pass
            finally:
                bar.close()
        if stop.requested and added.rows < size + fresh:
            self.stdout.write(f"Stopped: {added.said()}")
            sys.exit(STOPPED)
        self.stdout.write(f"Added {size:,} leaked and {fresh:,} fresh tickets.")

    def _seed(self, added: Added, stop: StopSignal, options: dict[str, Any]) -> None:
        """Check, delete and add, in a session that is watched. Raises CommandError and Stopped."""
        alias, size, fresh = options["database"], options["size"], options["fresh"]
        try:
            self._check_schema(alias, fresh)
            self._check_reset(alias, reset=options["reset"], yes=options["yes"])
            added.stop_if_asked()
            if options["reset"]:
                seeding.delete_all(alias)
            seeding.add_leaked(alias, size, added)
            if fresh:
                seeding.add_fresh(alias, fresh, added)
        except DATABASE_ERRORS as error:
            added.in_doubt = added.in_doubt and is_lost(error)
            if stop.aborted or (stop.requested and fault_of(error) is Fault.LOCKED):
                raise Stopped from None
            raise CommandError(f"{refusal_of(alias, error)}. {added.said()}") from error

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
        if reset and not yes and seeding.holds_tickets(alias):
            raise CommandError(
                "--reset would delete the tickets that are there. Nothing was deleted or added."
                " Add --yes to delete them."
            )
