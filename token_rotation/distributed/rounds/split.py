"""Split what is pending into ranges of about equal size.

The size is the number of rows.
"""

from __future__ import annotations

from math import ceil

from token_rotation.inspection.key_order import check_key_order
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql.keys import ranges as key_ranges_sql
from token_rotation.sql.pending import values_of

# Fewer rows are not worth a task. More would delay the end of the round.
LEAST_ROWS = 10_000
MOST_ROWS = 250_000
MOST_RANGES = 128


def range_size(pending_rows: int) -> int:
    """Return the rows in a range.

    It is an equal part of what is pending, within bounds.
    """
    return min(MOST_ROWS, max(LEAST_ROWS, ceil(pending_rows / MOST_RANGES)))


def split(connection: Connection, target: Target, pending_rows: int) -> list[KeyRange]:
    """Return up to 128 ranges; none when nothing is pending.

    They follow one after the other. Together they reach from the first pending key to beyond the
    largest key. Where more is pending than 128 ranges may hold, they end at a key in the middle:
    the rest is for another round. Bounds are text, as ``range_upper_keys`` returns them. If
    ``pending_rows`` is an estimate, the last range has more rows than the others, or fewer.

    One index-only look-up over at most 32 million keys. Raises KeyOrderError.
    """
    if pending_rows <= 0:
        return []
    range_rows = range_size(pending_rows)
    ranges = min(MOST_RANGES, ceil(pending_rows / range_rows))
    if ranges == 1:
        return [EVERY_KEY]
    values = {
        **values_of(target, EVERY_KEY),
        "range_rows": range_rows,
        "ahead_rows": ranges * range_rows,
    }
    look_up = key_ranges_sql.range_upper_keys(target)
    query = statements.together(statements.WITHOUT_A_LIMIT, statements.READ_IN_KEY_ORDER, look_up)
    uppers: list[str | None] = [key for (key,) in connection.rows(query, values)]
    check_key_order(connection, target, uppers)
    if len(uppers) < ranges or ranges * range_rows >= pending_rows:
        uppers = [*uppers[: ranges - 1], None]
    return [KeyRange(after, upper) for after, upper in zip([None, *uppers], uppers, strict=False)]
