"""Search a whole database for a list."""

from __future__ import annotations

from token_rotation.errors import ListError
from token_rotation.postgres.reading import reading
from token_rotation.selection.leak_list import LeakList
from token_rotation.stop import StopSignal, answering_signals
from token_rotation.verification.everywhere.findings import Findings
from token_rotation.verification.everywhere.options import SearchOptions
from token_rotation.verification.everywhere.search import Search, Watch
from token_rotation.verification.everywhere.shape import SHORTEST, shape_of
from token_rotation.verification.everywhere.table import take_inventory


def look_everywhere(
    database: str,
    leak_list: LeakList,
    options: SearchOptions,
    *,
    stop: StopSignal,
    watch: Watch,
) -> Findings:
    """Search every table that the role may read.

    Raises ListError if every token is too short to be told from other text.
    """
    shape = shape_of(leak_list)
    if shape.short_lines == leak_list.lines:
        raise ListError(
            f"every token of {leak_list.name} has fewer than {SHORTEST} characters, which stand in "
            "any text. Nothing was searched"
        )
    with reading(database) as connection:
        stop.on_abort(connection.cancel)
        inventory = take_inventory(connection, shape.wanted, with_numbers=shape.are_numbers)
        search = Search(connection, leak_list, shape, options, stop=stop, watch=watch)
        return answering_signals(lambda: search.run(inventory), cancel=stop.abort)
