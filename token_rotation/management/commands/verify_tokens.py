"""``manage.py verify_tokens``: find leaked or retired tokens that still open something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.errors import UnknownTargetError
from token_rotation.management.command import TokenCommand, add_database
from token_rotation.management.verify_flags import (
    add_flags,
    check,
    door_options,
    search_options,
)
from token_rotation.options import ListOptions
from token_rotation.stop import StopSignal
from token_rotation.targets.discovery import find_targets
from token_rotation.verification.door.door_trial import DoorTrial, door_of
from token_rotation.verification.door.options import DoorOptions
from token_rotation.verification.everywhere.look_everywhere import look_everywhere
from token_rotation.verification.everywhere.options import SearchOptions
from token_rotation.verification.progress_lines import ProgressLines
from token_rotation.verification.retired_tokens import verify_retired
from token_rotation.verification.token_column import TokenColumn, find_columns
from token_rotation.verification.token_list import opened_texts
from token_rotation.verification.valid_tokens import verify_list

STOPPING = "\nStopping after the running statements; a second signal ends at once.\n"
ABORTING = "\nEnding at once.\n"


class Command(TokenCommand):
    help = (
        "Count the listed tokens that are still valid, or with --retired the retired ones. "
        "--everywhere finds their copies in the database; --through tries them at the application. "
        "Nothing is written. Exit codes: 0 none is found, 1 error, 3 some are, or not known "
        "without --known-good. "
        "Where an answer is incomplete, that is an error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.usage = (
            "%(prog)s [options] FILE|- [app.Model[.field] ...]\n"
            "       %(prog)s [options] --retired [app.Model ...]"
        )
        parser.add_argument(
            "names",
            nargs="*",
            metavar="FILE|- app.Model[.field]",
            help="read a token, or the SHA-256 of one, from each line of FILE (-: standard input), "
            "then look it up in these columns (default: every declared token column)",
        )
        add_flags(parser)
        add_database(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        check(parsed)
        names, database, say = parsed["names"], parsed["database"], self.output().say
        if parsed["retired"]:
            return ExitCode.of(verify_retired(find_targets(database, names), say))
        file, *models = names
        listed = ListOptions(file, parsed["list_of"])
        if parsed["everywhere"]:
            return self._search(database, models, listed, search_options(parsed))
        if parsed["through"] is not None:
            return self._try(database, models, listed, door_options(parsed))
        columns = find_columns(database, models)
        none_valid = verify_list(columns, listed, say, shape_differs=parsed["shape_differs"])
        return ExitCode.of(none_valid)

    def _search(
        self,
        database: str,
        names: Sequence[str],
        listed: ListOptions,
        options: SearchOptions,
    ) -> ExitCode:
        stop, output = StopSignal(), self.output()
        columns = _columns_or_none(database, names)
        lines = ProgressLines(output.warn)
        with (
            opened_texts(
                columns, listed, option="--everywhere", are_named=bool(names)
            ) as leak_list,
            stop_on_signal(stop, stopping=STOPPING, aborting=ABORTING),
        ):
            found = look_everywhere(
                database, leak_list, options, stop=stop, watch=lines.of_the_search
            )
            for sentence in found.sentences(leak_list.name, leak_list.lines):
                output.say(sentence)
        return _exit_code(some=bool(found.copies), complete=found.is_complete)

    def _try(
        self, database: str, names: Sequence[str], listed: ListOptions, options: DoorOptions
    ) -> ExitCode:
        stop, output = StopSignal(), self.output()
        columns = _columns_or_none(database, names)
        door, lines = door_of(options), ProgressLines(output.warn)
        with (
            opened_texts(columns, listed, option="--through", are_named=bool(names)) as leak_list,
            stop_on_signal(stop, stopping=STOPPING, aborting=ABORTING),
        ):
            trial = DoorTrial(columns, options, door, stop, output.say, lines.of_the_door)
            verdict = trial.run(leak_list)
            for sentence in verdict.sentences(leak_list.name):
                output.say(sentence)
        some = verdict.some_open or verdict.is_not_known
        return _exit_code(some=some, complete=verdict.all_refused)


def _columns_or_none(database: str, names: Sequence[str]) -> list[TokenColumn]:
    """Return the columns that say how the list is read; none are needed for plain text."""
    try:
        return find_columns(database, names)
    except UnknownTargetError:
        if names:
            raise
        return []


def _exit_code(*, some: bool, complete: bool) -> ExitCode:
    if some:
        return ExitCode.UNFINISHED
    return ExitCode.DONE if complete else ExitCode.ERROR
