"""Lists of leaked rows, as the file that --only names."""

import io
from collections.abc import Sequence

from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.targets.resolve import TOKENS, list_kinds


def list_of(target: Target, values: Sequence[object], kind: str = TOKENS) -> LeakList:
    text = "".join(f"{each}\n" for each in values)
    return LeakList(io.BytesIO(text.encode()), "leaked.txt", list_kinds(target, kind), kind)
