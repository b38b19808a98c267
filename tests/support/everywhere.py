"""A search of a whole database for listed tokens."""

import io
from collections.abc import Callable, Sequence

from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.verification.everywhere.findings import Findings
from token_rotation.verification.everywhere.look_everywhere import look_everywhere
from token_rotation.verification.everywhere.options import SearchOptions
from token_rotation.verification.everywhere.table import Table
from token_rotation.verification.token_list import kinds_of

QUICKLY = SearchOptions(pause_seconds=0)


def listing(tokens: Sequence[object]) -> LeakList:
    text = "".join(f"{each}\n" for each in tokens)
    return LeakList(io.BytesIO(text.encode()), "leaked.txt", kinds_of([]), "tokens")


def looked(
    target: Target,
    tokens: Sequence[object],
    *,
    options: SearchOptions = QUICKLY,
    stop: StopSignal | None = None,
    watch: Callable[[Table, int, int], None] = lambda *_: None,
) -> Findings:
    return look_everywhere(
        target.database, listing(tokens), options, stop=stop or StopSignal(), watch=watch
    )
