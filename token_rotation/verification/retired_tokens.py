"""Count of retired tokens that are still valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from token_rotation.inspection.verdict.open_writer import writers_as_sentence
from token_rotation.inspection.verdict.writers_wait import WritersWait
from token_rotation.inspection.whole_view import require_one_table
from token_rotation.postgres.reading import reading
from token_rotation.retired.kept import keeping_retired, retired_as_sentence, still_valid
from token_rotation.selection.target import Target


def verify_retired(targets: Sequence[Target], say: Callable[[str], None]) -> bool:
    """Say how many rows have a retired token.

    Return True when none does, and no open transaction may commit one.

    Raises RotationError where no target keeps retired tokens.
    """
    none_valid = True
    for target in keeping_retired(targets):
        with reading(target.database) as connection:
            require_one_table(connection.rows, target.table, target.database)
            open_writers = WritersWait(connection.rows, target).run()
            rows = still_valid(connection, target)
        if rows or not open_writers:
            say(retired_as_sentence(target, rows))
        else:
            say(f"{target.label}: not verified: {writers_as_sentence(open_writers)}.")
        none_valid = rows == 0 and not open_writers and none_valid
    return none_valid
